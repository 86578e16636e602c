"""The engines that look at source: the light index our rules read, and pylint beside it."""
