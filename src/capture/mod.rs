//! What pages said: console messages, exceptions, network in flight.
