//! The state of the mouse: what Chrome has accepted, and on top of it what has been sent and not yet answered. What
//! fails is taken back, so that a button whose press was refused can be pressed again.

/// A button of the mouse.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[expect(missing_docs, reason = "the names say it")]
pub enum MouseButton {
    #[default]
    Left,
    Right,
    Middle,
    Back,
    Forward,
}

impl MouseButton {
    pub(super) const ALL: [Self; 5] = [Self::Left, Self::Right, Self::Middle, Self::Back, Self::Forward];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Right => "right",
            Self::Middle => "middle",
            Self::Back => "back",
            Self::Forward => "forward",
        }
    }

    fn flag(self) -> u32 {
        match self {
            Self::Left => 1,
            Self::Right => 2,
            Self::Middle => 4,
            Self::Back => 8,
            Self::Forward => 16,
        }
    }
}

/// Where the mouse is, and the buttons that are down, as the protocol's bits.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(super) struct MouseState {
    pub x: f64,
    pub y: f64,
    pub buttons: u32,
}

impl MouseState {
    pub fn is_down(&self, button: MouseButton) -> bool {
        self.buttons & button.flag() != 0
    }

    fn after(self, change: Change) -> Self {
        match change {
            Change::Move(x, y) => Self { x, y, ..self },
            Change::Press(button) => Self {
                buttons: self.buttons | button.flag(),
                ..self
            },
            Change::Release(button) => Self {
                buttons: self.buttons & !button.flag(),
                ..self
            },
        }
    }
}

/// What a command does to the mouse.
#[derive(Clone, Copy, Debug)]
pub(super) enum Change {
    Move(f64, f64),
    Press(MouseButton),
    Release(MouseButton),
}

/// Names a change that is under way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct ChangeId(u64);

/// The mouse of one page.
#[derive(Default)]
pub(super) struct Mouse {
    settled: MouseState,
    under_way: Vec<(ChangeId, Change)>,
    last: u64,
}

impl Mouse {
    /// The state after all that was sent.
    pub fn state(&self) -> MouseState {
        let changes = self.under_way.iter().map(|(_, change)| *change);
        changes.fold(self.settled, MouseState::after)
    }

    /// A command that does this is sent.
    pub fn begin(&mut self, change: Change) -> ChangeId {
        self.last += 1;
        let id = ChangeId(self.last);
        self.under_way.push((id, change));
        id
    }

    /// Chrome has answered the command, or will not.
    pub fn end(&mut self, id: ChangeId, succeeded: bool) {
        for (_, change) in self.under_way.extract_if(.., |(known, _)| *known == id) {
            if succeeded {
                self.settled = self.settled.after(change);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_counts_before_it_is_answered() {
        let mut mouse = Mouse::default();
        let moved = mouse.begin(Change::Move(3.0, 4.0));
        let pressed = mouse.begin(Change::Press(MouseButton::Right));
        let sent = mouse.state();
        assert_eq!((sent.x, sent.y, sent.buttons), (3.0, 4.0, 2));
        mouse.end(moved, true);
        mouse.end(pressed, true);
        assert_eq!(mouse.state(), sent);
    }

    #[test]
    fn what_fails_is_taken_back() {
        let mut mouse = Mouse::default();
        let pressed = mouse.begin(Change::Press(MouseButton::Left));
        mouse.end(pressed, false);
        assert!(!mouse.state().is_down(MouseButton::Left), "the press failed");
        let moved = mouse.begin(Change::Move(3.0, 4.0));
        mouse.end(moved, false);
        assert_eq!(mouse.state(), MouseState::default());
    }

    #[test]
    fn a_click_that_fails_as_a_whole_leaves_the_button_as_it_was() {
        let mut mouse = Mouse::default();
        let pressed = mouse.begin(Change::Press(MouseButton::Left));
        let released = mouse.begin(Change::Release(MouseButton::Left));
        mouse.end(pressed, false);
        mouse.end(released, false);
        assert!(!mouse.state().is_down(MouseButton::Left));
    }

    #[test]
    fn a_release_that_fails_leaves_the_button_down() {
        let mut mouse = Mouse::default();
        let pressed = mouse.begin(Change::Press(MouseButton::Left));
        mouse.end(pressed, true);
        let released = mouse.begin(Change::Release(MouseButton::Left));
        assert!(!mouse.state().is_down(MouseButton::Left));
        mouse.end(released, false);
        assert!(mouse.state().is_down(MouseButton::Left));
    }
}
