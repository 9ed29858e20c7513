"""Values as text for people: times, ages, durations, sizes, and the values of states."""
