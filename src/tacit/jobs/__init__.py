"""Work that goes on in the background: what is asked, when it is due, how it may end, and who runs it."""
