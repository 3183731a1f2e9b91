# rvgdb: -bios none -smp 2 -kernel guest.elf
watch total_volume
continue
if total_volume != 15
    quit 1
end
