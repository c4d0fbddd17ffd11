//! Lines to Kinesis, and from there into objects.
