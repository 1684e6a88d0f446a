"""How the console writes dates: as people in Jakarta read them, and with seconds where an entry has them."""
