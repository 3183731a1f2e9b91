"""The classes of ONE_REG registers: one module a class, each with its rows and its rules."""
