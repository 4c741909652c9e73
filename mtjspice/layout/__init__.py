"""Does an array layout read, settle, write and yield? Every analysis, and the whole way."""
