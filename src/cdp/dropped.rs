//! The traits of a message that is too large to be read.

/// Enough of its beginning for the id or the method.
const HEAD: usize = 256;
/// Enough of its end for the session.
const TAIL: usize = 256;

/// The two ends of a message.
pub(super) struct Dropped {
    head: Vec<u8>,
    tail: Vec<u8>,
    pub bytes: usize,
}

impl Dropped {
    /// A message that begins with this.
    pub fn new(beginning: &[u8]) -> Self {
        let mut dropped = Self {
            head: beginning[..beginning.len().min(HEAD)].to_vec(),
            tail: Vec::with_capacity(2 * TAIL),
            bytes: 0,
        };
        dropped.swallow(beginning);
        dropped
    }

    /// Takes more of it.
    pub fn swallow(&mut self, more: &[u8]) {
        self.bytes += more.len();
        self.tail
            .extend_from_slice(&more[more.len().saturating_sub(TAIL)..]);
        let too_much = self.tail.len().saturating_sub(TAIL);
        self.tail.drain(..too_much);
    }

    /// The id of the call that it answers.
    pub fn id(&self) -> Option<u64> {
        let rest = self.head.strip_prefix(br#"{"id":"#)?;
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        std::str::from_utf8(&rest[..digits]).ok()?.parse().ok()
    }

    /// The name of the event.
    pub fn method(&self) -> Option<&str> {
        let rest = self.head.strip_prefix(br#"{"method":""#)?;
        let end = rest.iter().position(|byte| *byte == b'"')?;
        std::str::from_utf8(&rest[..end]).ok()
    }

    /// The session that it is of. Chrome writes it last, and what a page says can end neither in this way nor, in a
    /// string, with quotes that are not escaped.
    pub fn session_id(&self) -> Option<&str> {
        let rest = self.tail.strip_suffix(br#""}"#)?;
        let begin = rest.iter().rposition(|byte| *byte == b'"')? + 1;
        rest[..begin].strip_suffix(br#","sessionId":""#)?;
        std::str::from_utf8(&rest[begin..]).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(message: &str) -> Dropped {
        let (first, rest) = message.as_bytes().split_at(message.len().min(300));
        let mut dropped = Dropped::new(first);
        for chunk in rest.chunks(7) {
            dropped.swallow(chunk);
        }
        dropped
    }

    #[test]
    fn whose_it_was_shows_at_its_ends() {
        let text = "x".repeat(5000);
        let event =
            format!(r#"{{"method":"Runtime.consoleAPICalled","params":{{"a":"{text}"}},"sessionId":"A1"}}"#);
        let dropped = ends(&event);
        assert_eq!(dropped.bytes, event.len());
        assert_eq!(dropped.method(), Some("Runtime.consoleAPICalled"));
        assert_eq!((dropped.id(), dropped.session_id()), (None, Some("A1")));
        let answer = ends(&format!(
            r#"{{"id":71,"result":{{"a":"{text}"}},"sessionId":"B2"}}"#
        ));
        assert_eq!(
            (answer.id(), answer.method(), answer.session_id()),
            (Some(71), None, Some("B2"))
        );
    }

    #[test]
    fn a_page_cannot_name_another_s_session() {
        for end in [
            r#""a":"\",\"sessionId\":\"B2"}}"#,
            r#""a":{"b":1,"sessionId":"B2"}}}"#,
            r#""b":1,"sessionId":"B2"}}"#,
        ] {
            let dropped = ends(&format!(r#"{{"id":71,"result":{{{end}"#));
            assert_eq!(dropped.session_id(), None, "{end}");
        }
    }
}
