//! The connection to Chrome: one reader, sessions, calls and events.
