"""Parts of pages that are made of the code that they tell of, so that no page can say otherwise."""
