"""Apache Atlas for the sandbox: an engine that keeps Atlas' rules, and the face that serves it."""
