//! JSON that a page has a say in: it may hold lone surrogates, which `serde_json` refuses.

use serde::de::DeserializeOwned;

/// Takes JSON apart. Lone surrogates become U+FFFD, as in every other conversion to UTF-8.
///
/// # Errors
///
/// The text is no JSON, or not of the expected shape.
pub fn from_str<T: DeserializeOwned>(json: &str) -> serde_json::Result<T> {
    serde_json::from_str(json).or_else(|error| match without_lone_surrogates(json) {
        Some(mended) => serde_json::from_str(&mended),
        None => Err(error),
    })
}

/// The text of a JSON string literal; empty where it is none.
pub fn string(literal: &str) -> String {
    from_str(literal).unwrap_or_default()
}

/// The same JSON with U+FFFD in their place; `None` where there are none.
fn without_lone_surrogates(json: &str) -> Option<String> {
    let mut mended = String::new();
    let mut done = 0;
    let mut at = 0;
    while let Some(found) = memchr::memchr(b'\\', &json.as_bytes()[at..]) {
        at += found;
        at += match escaped_unit(json, at) {
            Some(0xd800..=0xdbff) if matches!(escaped_unit(json, at + 6), Some(0xdc00..=0xdfff)) => 12,
            Some(0xd800..=0xdfff) => {
                mended.push_str(&json[done..at]);
                mended.push('\u{fffd}');
                done = at + 6;
                6
            }
            // The escaped character may be a backslash itself.
            _ => 2,
        };
        if at >= json.len() {
            break;
        }
    }
    (done > 0).then(|| mended + &json[done..])
}

/// The UTF-16 code unit of the `\uXXXX` that begins at `at`.
fn escaped_unit(json: &str, at: usize) -> Option<u16> {
    let digits = json.get(at..at + 6)?.strip_prefix("\\u")?;
    u16::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(json: &str) -> Option<String> {
        from_str(json).ok()
    }

    #[test]
    fn lone_surrogates_become_the_replacement_character() {
        for (json, expected) in [
            (r#""a\ud83d""#, "a\u{fffd}"),
            (r#""\ude00b""#, "\u{fffd}b"),
            (r#""\ud83d\ud83d\ude00\ude00""#, "\u{fffd}😀\u{fffd}"),
            (r#""\\ud83d \ud83d\n""#, "\\ud83d \u{fffd}\n"),
        ] {
            assert_eq!(text(json).as_deref(), Some(expected), "{json}");
        }
    }

    #[test]
    fn pairs_and_other_text_stay() {
        for (json, expected) in [
            (r#""\ud83d\ude00""#, "😀"),
            (r#""\\ud83d""#, "\\ud83d"),
            (r#""é""#, "é"),
        ] {
            assert_eq!(text(json).as_deref(), Some(expected), "{json}");
            assert_eq!(without_lone_surrogates(json), None, "{json}");
        }
    }

    #[test]
    fn what_is_no_json_is_refused() {
        for json in [r#""\ud83d"#, r#""\ud8"#, "\\", r#""\"#, ""] {
            assert_eq!(text(json), None, "{json}");
        }
    }
}
