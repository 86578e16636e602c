"""Rules about what uses AWS in a way that fails or costs."""
