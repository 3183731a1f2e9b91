"""The SBI that KVM offers its guests: one module an extension."""
