//! Holding back what a thread sends until it has done what it is at.
//!
//! A JavaScript program may send a command and listen for what comes of it afterwards, in the same turn: its other
//! clients handle nothing that Chrome says before that turn has ended. Our reader has a thread of its own, so the
//! command itself waits for the end of the turn. What one turn sends leaves in one write.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use super::connection::Shared;

struct Cork {
    arrange: Rc<dyn Fn() -> bool>,
    held: Vec<(Arc<Shared>, Vec<Vec<u8>>)>,
}

thread_local! {
    static CORK: RefCell<Option<Cork>> = const { RefCell::new(None) };
}

/// From now on what this thread sends waits for [`flush`], or for [`uncork`].
///
/// `arrange` is called when something is held back while nothing is yet, and sees to it that [`flush`] is called soon;
/// where it cannot and returns false, the message is sent at once.
pub fn cork(arrange: impl Fn() -> bool + 'static) {
    let arrange = Rc::new(arrange);
    CORK.with(|cork| {
        *cork.borrow_mut() = Some(Cork {
            arrange,
            held: Vec::new(),
        });
    });
}

/// Sends what this thread has held back, and holds back no more.
pub fn uncork() {
    flush();
    CORK.with(|cork| cork.borrow_mut().take());
}

/// Sends what this thread has held back.
pub fn flush() {
    let held = CORK.with(|cork| {
        cork.borrow_mut()
            .as_mut()
            .map(|cork| std::mem::take(&mut cork.held))
    });
    for (connection, messages) in held.unwrap_or_default() {
        connection.send(messages);
    }
}

/// Sends the message, or holds it back where this thread is corked.
pub(super) fn send(connection: &Arc<Shared>, message: Vec<u8>) {
    let arrange = CORK.with(|cork| {
        let cork = cork.borrow();
        let cork = cork.as_ref()?;
        Some(cork.held.is_empty().then(|| Rc::clone(&cork.arrange)))
    });
    let arranged = match arrange {
        None => false,
        Some(None) => true,
        // Runs JavaScript, so nothing is borrowed meanwhile.
        Some(Some(arrange)) => arrange(),
    };
    let refused = CORK.with(|cork| match cork.borrow_mut().as_mut() {
        Some(cork) if arranged => {
            match cork
                .held
                .iter_mut()
                .find(|(other, _)| Arc::ptr_eq(other, connection))
            {
                Some((_, messages)) => messages.push(message),
                None => cork.held.push((Arc::clone(connection), vec![message])),
            }
            None
        }
        _ => Some(message),
    });
    if let Some(message) = refused {
        connection.send(vec![message]);
    }
}
