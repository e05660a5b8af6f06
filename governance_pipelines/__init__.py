"""The lid: what runs when. Definitions, jobs, schedules, sensors and the command line."""
