"""How nano is made: vocabulary, rows, model, optimiser loop, evaluation. Needs torch; the installed package never imports it."""
