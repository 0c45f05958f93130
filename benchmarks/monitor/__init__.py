"""What watching promises: false alarms, delays, speed, and real streams."""
