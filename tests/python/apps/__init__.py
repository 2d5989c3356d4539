"""Small applications that the tests serve, each as its framework's own guide would have it written."""
