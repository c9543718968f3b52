"""One run: plan the tasks, queue them, execute the requests, handle the responses."""
