"""nano: the embedded reference model. A small decoder in numpy; imports no other part of sleeptime."""
