"""The speeds that README shows; ``make bench`` measures them all. Nothing here passes or fails."""
