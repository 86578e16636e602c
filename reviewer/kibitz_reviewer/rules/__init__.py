"""The rules, one file each: the folder is the category, the file name the id."""
