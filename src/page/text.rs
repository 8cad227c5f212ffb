//! Text that came from a page, ready to become a JavaScript string without another conversion.

use std::sync::Arc;

/// What U+FFFD stands for in a text, each time: half a surrogate pair, or itself.
pub(crate) type Halves = Arc<[u16]>;

/// A string of the page, in the form in which JavaScript engines keep it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Text {
    /// Every character is below U+0100.
    Latin1(Vec<u8>),
    /// UTF-16 code units, lone surrogates included.
    Utf16(Vec<u16>),
}

impl Text {
    /// The text of a JSON string literal, quotes included.
    #[must_use]
    pub fn from_json_literal(literal: &str) -> Option<Self> {
        let inner = literal.strip_prefix('"')?.strip_suffix('"')?;
        if inner.is_ascii() && memchr::memchr(b'\\', inner.as_bytes()).is_none() {
            return Some(Self::Latin1(inner.as_bytes().to_vec()));
        }
        Decoder::new(inner.len()).decode(inner)
    }

    /// Valid UTF-8, such as the source of a JSON value.
    #[must_use]
    pub fn from_utf8(text: &str) -> Self {
        if text.is_ascii() {
            Self::Latin1(text.as_bytes().to_vec())
        } else {
            Self::Utf16(text.encode_utf16().collect())
        }
    }

    /// The texts, with a space between them.
    pub(crate) fn joined(texts: impl IntoIterator<Item = Self>) -> Self {
        let mut joined = Decoder::new(0);
        for (index, text) in texts.into_iter().enumerate() {
            if index > 0 {
                joined.push_unit(u16::from(b' '));
            }
            match (text, &mut joined.wide) {
                (Self::Latin1(bytes), None) => joined.narrow.extend(bytes),
                (Self::Latin1(bytes), Some(units)) => units.extend(bytes.into_iter().map(u16::from)),
                (Self::Utf16(units), _) => units.into_iter().for_each(|unit| joined.push_unit(unit)),
            }
        }
        joined.finish()
    }

    /// The text of a JSON string literal for Rust, and what makes it whole again where that takes half a character away.
    pub(crate) fn lossy_from_json_literal(literal: &str) -> (String, Option<Halves>) {
        if let Ok(text) = serde_json::from_str(literal) {
            return (text, None);
        }
        let Some(Self::Utf16(units)) = Self::from_json_literal(literal) else {
            return (String::new(), None);
        };
        let replaced = char::decode_utf16(units.iter().copied()).filter_map(|decoded| match decoded {
            Ok(char::REPLACEMENT_CHARACTER) => Some(0xfffd),
            Ok(_) => None,
            Err(half) => Some(half.unpaired_surrogate()),
        });
        let halves = replaced.collect();
        (String::from_utf16_lossy(&units), Some(halves))
    }

    /// The text with its halves of characters.
    pub(crate) fn restored(lossy: &str, halves: Option<&[u16]>) -> Self {
        let Some(halves) = halves else {
            return Self::from_utf8(lossy);
        };
        let mut halves = halves.iter().copied();
        let restore = |unit| match unit {
            0xfffd => halves.next().unwrap_or(0xfffd),
            unit => unit,
        };
        Self::Utf16(lossy.encode_utf16().map(restore).collect())
    }

    /// For Rust: lone surrogates become U+FFFD.
    #[must_use]
    pub fn to_string_lossy(&self) -> String {
        match self {
            Self::Latin1(bytes) => bytes.iter().map(|byte| char::from(*byte)).collect(),
            Self::Utf16(units) => String::from_utf16_lossy(units),
        }
    }
}

/// Collects Latin-1 until a character does not fit, then UTF-16.
struct Decoder {
    narrow: Vec<u8>,
    wide: Option<Vec<u16>>,
}

impl Decoder {
    fn new(capacity: usize) -> Self {
        Self {
            narrow: Vec::with_capacity(capacity),
            wide: None,
        }
    }

    fn decode(mut self, inner: &str) -> Option<Text> {
        let mut rest = inner;
        loop {
            let plain_end = memchr::memchr(b'\\', rest.as_bytes()).unwrap_or(rest.len());
            self.push_str(&rest[..plain_end]);
            rest = &rest[plain_end..];
            if rest.is_empty() {
                break;
            }
            let escape = *rest.as_bytes().get(1)?;
            let mut used = 2;
            match escape {
                b'u' => {
                    self.push_unit(u16::from_str_radix(rest.get(2..6)?, 16).ok()?);
                    used = 6;
                }
                b'b' => self.push_unit(0x08),
                b'f' => self.push_unit(0x0c),
                b'n' => self.push_unit(0x0a),
                b'r' => self.push_unit(0x0d),
                b't' => self.push_unit(0x09),
                b'"' | b'\\' | b'/' => self.push_unit(u16::from(escape)),
                _ => return None,
            }
            rest = &rest[used..];
        }
        Some(self.finish())
    }

    fn finish(self) -> Text {
        match self.wide {
            Some(units) => Text::Utf16(units),
            None => Text::Latin1(self.narrow),
        }
    }

    fn push_str(&mut self, text: &str) {
        match &mut self.wide {
            None if text.is_ascii() => self.narrow.extend_from_slice(text.as_bytes()),
            Some(units) if text.is_ascii() => units.extend(text.bytes().map(u16::from)),
            _ => text.encode_utf16().for_each(|unit| self.push_unit(unit)),
        }
    }

    fn push_unit(&mut self, unit: u16) {
        match (&mut self.wide, u8::try_from(unit)) {
            (Some(units), _) => units.push(unit),
            (None, Ok(byte)) => self.narrow.push(byte),
            (None, Err(_)) => {
                let mut units = Vec::with_capacity(self.narrow.capacity());
                units.extend(self.narrow.drain(..).map(u16::from));
                units.push(unit);
                self.wide = Some(units);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_ascii_stays_one_byte_a_character() {
        assert_eq!(
            Text::from_json_literal(r#""abc""#),
            Some(Text::Latin1(b"abc".to_vec()))
        );
    }

    #[test]
    fn escapes_below_256_stay_latin1() {
        assert_eq!(
            Text::from_json_literal(r#""a\n\u00e9\"\\\/é""#),
            Some(Text::Latin1(b"a\n\xe9\"\\/\xe9".to_vec()))
        );
    }

    #[test]
    fn a_wide_character_turns_all_into_utf16() {
        let text = Text::from_json_literal(r#""aé\u0416Ж z""#);
        let expected: Vec<u16> = "aéЖЖ z".encode_utf16().collect();
        assert_eq!(text, Some(Text::Utf16(expected)));
    }

    #[test]
    fn lone_surrogates_survive() {
        assert_eq!(
            Text::from_json_literal(r#""x\ud800y""#),
            Some(Text::Utf16(vec![u16::from(b'x'), 0xd800, u16::from(b'y')]))
        );
    }

    #[test]
    fn what_rust_cannot_hold_is_kept_beside() {
        let (text, halves) = Text::lossy_from_json_literal(r#""a\ud83d\ufffd😀\ude00b""#);
        assert_eq!(text, "a\u{fffd}\u{fffd}😀\u{fffd}b");
        assert_eq!(halves.as_deref(), Some(&[0xd83d, 0xfffd, 0xde00][..]));
        assert_eq!(
            Text::restored(&text, halves.as_deref()),
            Text::from_json_literal(r#""a\ud83d\ufffd😀\ude00b""#).unwrap()
        );
        assert_eq!(
            Text::lossy_from_json_literal(r#""a\ufffd😀""#),
            ("a\u{fffd}😀".to_owned(), None)
        );
    }

    #[test]
    fn texts_are_joined_by_spaces() {
        let joined = |texts: &[&str]| Text::joined(texts.iter().map(|text| Text::from_utf8(text)));
        assert_eq!(joined(&["a", "b"]), Text::Latin1(b"a b".to_vec()));
        assert_eq!(
            joined(&["a", "Ж", "c"]),
            Text::Utf16("a Ж c".encode_utf16().collect())
        );
        assert_eq!(joined(&[]), Text::Latin1(Vec::new()));
    }

    #[test]
    fn what_is_no_string_literal_is_refused() {
        assert_eq!(Text::from_json_literal("17"), None);
        assert_eq!(Text::from_json_literal(r#""\u12""#), None);
        assert_eq!(Text::from_json_literal(r#""\q""#), None);
    }
}
