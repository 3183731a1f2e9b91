# rvgdb: -bios none -smp 2 -kernel guest.elf
break measure
continue
if $mstatus == 0
    quit 1
end
