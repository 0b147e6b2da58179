"""How nano is made: vocabulary, rows, model, optimiser loop, evaluation. The installed package never imports it."""
