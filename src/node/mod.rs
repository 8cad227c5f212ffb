//! The addon as JavaScript sees it: classes and conversions, nothing else.

pub(crate) mod js;
