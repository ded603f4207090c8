//! Writes encoded fields. The caller gives them in the order of their numbers; defaults are left
//! out here. So the bytes are those of every other encoder.

use std::fmt::{self, Display, Write as _};
use std::ops::Range;

use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint};

/// A message that is being written, and what is around it.
#[derive(Debug, Default)]
pub(super) struct Writer {
    out: Vec<u8>,
}

impl Writer {
    /// Writes behind what `out` holds.
    pub(super) fn new(out: Vec<u8>) -> Self {
        Self { out }
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.out
    }

    /// An unsigned number, a boolean or an enumerator that is never negative.
    pub(super) fn number(&mut self, field: u32, value: impl Into<u64>) {
        let value = value.into();
        if value != 0 {
            encode_key(field, WireType::Varint, &mut self.out);
            encode_varint(value, &mut self.out);
        }
    }

    /// An `int32`, which is a varint of 64 bits if negative.
    pub(super) fn signed(&mut self, field: u32, value: i32) {
        self.number(field, i64::from(value).cast_unsigned());
    }

    pub(super) fn text(&mut self, field: u32, text: &str) {
        if !text.is_empty() {
            self.element(field, text);
        }
    }

    /// One of a repeated text, which is written also if it is empty.
    pub(super) fn element(&mut self, field: u32, text: &str) {
        encode_key(field, WireType::LengthDelimited, &mut self.out);
        encode_varint(text.len() as u64, &mut self.out);
        self.out.extend_from_slice(text.as_bytes());
    }

    /// As [`Writer::element`], put together in place.
    pub(super) fn display(&mut self, field: u32, text: impl Display) {
        self.message(field, |out| {
            let _ = write!(out, "{text}");
        });
    }

    /// A message, which is written also if it is empty; yields where its bytes lie until an
    /// enclosing message is complete.
    pub(super) fn message(&mut self, field: u32, fill: impl FnOnce(&mut Self)) -> Range<usize> {
        encode_key(field, WireType::LengthDelimited, &mut self.out);
        // Most lengths take one byte; a greater one moves what was written.
        let length_at = self.out.len();
        self.out.push(0);
        fill(self);
        let length = self.out.len() - length_at - 1;
        let start = length_at + encoded_len_varint(length as u64);
        self.out.resize(start + length, 0);
        self.out.copy_within(length_at + 1..length_at + 1 + length, start);
        encode_varint(length as u64, &mut &mut self.out[length_at..start]);
        start..start + length
    }

    /// A message that may be absent.
    pub(super) fn some<T>(&mut self, field: u32, value: Option<T>, fill: impl FnOnce(&mut Self, T)) {
        if let Some(value) = value {
            self.message(field, |out| fill(out, value));
        }
    }

    /// As [`Writer::message`], but nothing if it is empty.
    pub(super) fn filled(&mut self, field: u32, fill: impl FnOnce(&mut Self)) {
        let before = self.out.len();
        if self.message(field, fill).is_empty() {
            self.out.truncate(before);
        }
    }
}

impl fmt::Write for Writer {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.out.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use prost::Message;
    use prost_types::Any;

    use super::*;

    #[test]
    fn lengths_of_any_size_are_those_of_the_generated_code() {
        for length in [0, 1, 126, 127, 128, 129, 16_383, 16_384, 2_097_152] {
            let inner = Any { type_url: "x".repeat(length), value: Vec::new() };
            let mut out = Writer::default();
            let range = out.message(2, |out| out.text(1, &inner.type_url));
            let bytes = out.into_bytes();
            assert_eq!(bytes[range], inner.encode_to_vec(), "{length}");
            let outer = Any { type_url: String::new(), value: inner.encode_to_vec() };
            assert!(length == 0 || bytes == outer.encode_to_vec(), "{length}");
        }
    }

    #[test]
    fn defaults_are_left_out_and_empty_elements_are_not() {
        let mut out = Writer::default();
        out.number(1, 0u32);
        out.signed(1, 0);
        out.text(1, "");
        out.filled(1, |_| {});
        assert!(out.out.is_empty());
        out.element(1, "");
        out.message(2, |_| {});
        out.signed(3, -1);
        assert_eq!(out.into_bytes()[..5], [0x0a, 0, 0x12, 0, 0x18]);
    }
}
