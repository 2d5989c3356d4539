"""Small applications for the tests, each written as its framework's own guide would have it."""
