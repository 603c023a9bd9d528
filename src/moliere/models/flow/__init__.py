"""The flow for every calorimeter: what each layer holds, then how its cells share it."""
