//! What a page reports, and to whom. What nobody listens to is not even parsed.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::console::ConsoleMessage;
use super::device_prompt::DevicePrompt;
use super::dialog::Dialog;
use super::exception::Exception;
use super::frame::Frame;
use super::issue::Issue;
use super::metrics::Mark;
use super::page::Page;
use super::request::Request;
use super::response::Response;
use super::web_worker::WebWorker;

/// Declares the events: for each its kind, what it carries, and puppeteer's name of it.
macro_rules! events {
    ($($(#[$doc:meta])* $kind:ident $(($carried:ty))? = $name:literal,)*) => {
        /// What one can listen to.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[repr(u8)]
        pub enum EventKind {
            $($(#[$doc])* $kind,)*
        }

        impl EventKind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$kind),*];

            /// puppeteer's name of the event.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)*
                }
            }
        }

        /// Something that happened to a page.
        #[derive(Clone)]
        pub enum Event {
            $($(#[$doc])* $kind $(($carried))?,)*
        }

        impl Event {
            /// Its kind.
            #[must_use]
            pub fn kind(&self) -> EventKind {
                match self {
                    $(Self::$kind { .. } => EventKind::$kind,)*
                }
            }
        }
    };
}

events! {
    /// The page wrote to its console.
    Console(Arc<ConsoleMessage>) = "console",
    /// An exception was not caught.
    PageError(Arc<Exception>) = "pageerror",
    /// The renderer is gone.
    Crash = "error",
    /// A dialog waits for an answer.
    Dialog(Arc<Dialog>) = "dialog",
    /// A request begins.
    Request(Arc<Request>) = "request",
    /// A request is answered by the cache.
    RequestServedFromCache(Arc<Request>) = "requestservedfromcache",
    /// The head of an answer is there.
    Response(Response) = "response",
    /// An answer is there as a whole.
    RequestFinished(Arc<Request>) = "requestfinished",
    /// A request has no answer.
    RequestFailed(Arc<Request>) = "requestfailed",
    /// The main document is parsed.
    DomContentLoaded = "domcontentloaded",
    /// The main document is loaded.
    Load = "load",
    /// A frame has come.
    FrameAttached(Frame) = "frameattached",
    /// A frame has another document or address.
    FrameNavigated(Frame) = "framenavigated",
    /// A frame has left.
    FrameDetached(Frame) = "framedetached",
    /// The page has opened another.
    Popup(Page) = "popup",
    /// A dedicated worker has come.
    WorkerCreated(WebWorker) = "workercreated",
    /// A dedicated worker has ended.
    WorkerDestroyed(WebWorker) = "workerdestroyed",
    /// Chrome has found something wrong with the page.
    Issue(Arc<Issue>) = "issue",
    /// A prompt offers devices.
    DevicePrompt(Arc<DevicePrompt>) = "devicerequestprompted",
    /// The page called `console.timeStamp`.
    Metrics(Arc<Mark>) = "metrics",
    /// The page is gone.
    Close = "close",
}

impl EventKind {
    /// The kind of puppeteer's event of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }

    /// Whether Chrome's network domain tells of it.
    #[must_use]
    pub fn is_network(self) -> bool {
        NETWORK.contains(&self)
    }
}

/// The kinds that need the network domain.
pub(super) const NETWORK: [EventKind; 5] = [
    EventKind::Request,
    EventKind::RequestServedFromCache,
    EventKind::Response,
    EventKind::RequestFinished,
    EventKind::RequestFailed,
];

type Handler = Arc<dyn Fn(&Event) + Send + Sync>;

struct Entry {
    id: u64,
    kind: EventKind,
    handler: Handler,
}

/// Hears what nobody listens to, with the page's activity before it.
type Bystander = Arc<dyn Fn(&Event, u64) + Send + Sync>;

/// The listeners of one page.
#[derive(Default)]
pub(super) struct Hub {
    entries: Mutex<Vec<Entry>>,
    /// A bit for each kind somebody listens to.
    wanted: AtomicU32,
    next: AtomicU64,
    bystanders: Mutex<Vec<Bystander>>,
    /// For each kind the activity after which nobody came to listen.
    quiet_since: [AtomicU64; EventKind::ALL.len()],
}

impl Hub {
    /// Whether anybody listens to such events.
    pub fn is_heard(&self, kind: EventKind) -> bool {
        self.wanted.load(Ordering::Relaxed) & (1 << kind as u8) != 0
    }

    /// Whether such an event is told: to listeners, or to bystanders as long as a listener may be on its way.
    pub fn wants(&self, kind: EventKind, activity: u64) -> bool {
        self.is_heard(kind) || self.is_open(kind, activity)
    }

    fn is_open(&self, kind: EventKind, activity: u64) -> bool {
        let quiet_since = self.quiet_since[kind as usize].load(Ordering::Relaxed);
        quiet_since != activity && !self.lock_bystanders().is_empty()
    }

    fn lock_bystanders(&self) -> MutexGuard<'_, Vec<Bystander>> {
        self.bystanders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn add_bystander(&self, bystander: Bystander) {
        self.lock_bystanders().push(bystander);
    }

    pub fn set_quiet(&self, kind: EventKind, activity: u64) {
        self.quiet_since[kind as usize].store(activity, Ordering::Relaxed);
    }

    pub fn listen(self: &Arc<Self>, kind: EventKind, handler: Handler) -> Subscription {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let mut entries = self.lock();
        entries.push(Entry { id, kind, handler });
        self.recount(&entries);
        Subscription {
            hub: Arc::downgrade(self),
            id,
        }
    }

    /// Tells the event; says whether anybody has taken it.
    pub fn emit(&self, event: &Event, activity: u64) -> bool {
        let kind = event.kind();
        if !self.is_heard(kind) {
            let is_open = self.is_open(kind, activity);
            if is_open {
                let bystanders = self.lock_bystanders().clone();
                for bystander in bystanders {
                    bystander(event, activity);
                }
            }
            return is_open;
        }
        let handlers: Vec<Handler> = self
            .lock()
            .iter()
            .filter(|entry| entry.kind == kind)
            .map(|entry| Arc::clone(&entry.handler))
            .collect();
        for handler in &handlers {
            handler(event);
        }
        !handlers.is_empty()
    }

    fn recount(&self, entries: &[Entry]) {
        let wanted = entries.iter().fold(0, |bits, entry| bits | 1 << entry.kind as u8);
        self.wanted.store(wanted, Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Listens until it is dropped.
#[must_use = "a subscription that is dropped hears nothing"]
pub struct Subscription {
    hub: Weak<Hub>,
    id: u64,
}

impl Drop for Subscription {
    fn drop(&mut self) {
        if let Some(hub) = self.hub.upgrade() {
            let mut entries = hub.lock();
            // Dropped after the lock: a handler may own what locks again.
            let removed: Vec<Entry> = entries.extract_if(.., |entry| entry.id == self.id).collect();
            hub.recount(&entries);
            drop(entries);
            drop(removed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bystanders_hear_what_nobody_listens_to_until_it_is_quiet() {
        let hub = Arc::new(Hub::default());
        let heard = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&heard);
        hub.add_bystander(Arc::new(move |_, _| {
            counted.fetch_add(1, Ordering::Relaxed);
        }));
        let after = |activity| {
            hub.emit(&Event::Load, activity);
            heard.load(Ordering::Relaxed)
        };
        assert_eq!(after(1), 1);
        hub.set_quiet(EventKind::Load, 1);
        assert_eq!(after(1), 1, "nobody came to listen");
        assert_eq!(after(2), 2, "the page was spoken to again");
        let listening = hub.listen(EventKind::Load, Arc::new(|_| {}));
        assert_eq!(after(3), 2, "a listener hears it instead");
        drop(listening);
        assert_eq!(after(4), 3);
    }

    #[test]
    fn without_bystanders_nothing_is_told() {
        let hub = Hub::default();
        assert!(!hub.wants(EventKind::Console, 1));
    }

    #[test]
    fn an_event_says_whether_anybody_took_it() {
        let hub = Arc::new(Hub::default());
        assert!(!hub.emit(&Event::Load, 1), "nobody is there");
        let listening = hub.listen(EventKind::Load, Arc::new(|_| {}));
        assert!(hub.emit(&Event::Load, 1), "a listener");
        drop(listening);
        assert!(!hub.emit(&Event::Load, 1), "the listener has left");
        hub.add_bystander(Arc::new(|_, _| {}));
        assert!(hub.emit(&Event::Load, 1), "a bystander");
        hub.set_quiet(EventKind::Load, 1);
        assert!(!hub.emit(&Event::Load, 1), "it is quiet");
    }
}
