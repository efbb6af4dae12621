"""What a tool call did to the world: tools are classified, arguments and shell text are read."""
