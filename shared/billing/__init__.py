"""Money: what customers are charged, and what the one who charges them tells us."""
