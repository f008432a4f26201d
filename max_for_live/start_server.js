// Starts the server for the device, in Node for Max; what it can do is not written yet.
