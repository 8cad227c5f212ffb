//! Names of things inside the machine. None is ever used twice in the life of a pool.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub struct $name(pub u64);
    };
}

id!(
    /// One page, from the start of its creation until Chrome has let go of it.
    TabId
);
id!(
    /// One `BrowserContext`, from the start of its creation until Chrome has let go of it.
    ContextId
);
id!(
    /// One `getPage` call and the lease that it may end in. Given by the caller.
    RequestId
);
id!(
    /// One action that takes time. Given by the machine; its outcome comes back as an event.
    OperationId
);
id!(
    /// One call of `disposeAffinity`, `evictIdleAffinities`, `warmStandbys` or `closeAll`. Given by the caller.
    TicketId
);

/// The tenant a page is warm for.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AffinityKey(pub Arc<str>);

impl AffinityKey {
    /// The key as JavaScript gave it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for AffinityKey {
    fn from(key: &str) -> Self {
        Self(key.into())
    }
}

impl fmt::Debug for AffinityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

impl fmt::Display for AffinityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The purpose of a lease. A `File` render can be waiting on a `Module` or `Command` render of its own affinity.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum QueueKind {
    /// Renders a card; subject to admission.
    #[default]
    File,
    /// Renders a module.
    Module,
    /// Runs a command.
    Command,
}

impl QueueKind {
    /// As JavaScript names it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Module => "module",
            Self::Command => "command",
        }
    }
}

/// A finite priority; higher goes first. Default: 0.
#[derive(Clone, Copy, Debug, Default)]
pub struct Priority(f64);

impl Priority {
    /// `value` as a priority, or `None` where it is not finite. `-0` is `0`.
    #[must_use]
    pub fn new(value: f64) -> Option<Self> {
        value.is_finite().then_some(Self(value + 0.0))
    }

    /// The number as JavaScript gave it.
    #[must_use]
    pub fn get(self) -> f64 {
        self.0
    }
}

impl PartialEq for Priority {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Priority {}

impl PartialOrd for Priority {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Priority {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}
