//! Writes encoded fields. The caller gives them in the order of their numbers; defaults are left
//! out here. So the bytes are those of every other encoder.

use std::fmt::{self, Display, Write as _};
use std::ops::Range;

use prost::encoding::{WireType, encoded_len_varint};

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
            self.key(field, WireType::Varint);
            self.varint(value);
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
        self.key(field, WireType::LengthDelimited);
        self.varint(text.len() as u64);
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
        self.key(field, WireType::LengthDelimited);
        let length_at = self.out.len();
        self.out.push(0);
        fill(self);
        let end = self.out.len();
        let length = end - length_at - 1;
        let start = length_at + encoded_len_varint(length as u64);
        // Most lengths take one byte; a greater one is written behind and brought to its place.
        if length < 0x80 {
            self.out[length_at] = length as u8;
        } else {
            self.out.remove(length_at);
            self.varint(length as u64);
            self.out[length_at..].rotate_right(start - length_at);
        }
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

    fn key(&mut self, field: u32, kind: WireType) {
        self.varint(u64::from(field) << 3 | kind as u64);
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.out.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.out.push(value as u8);
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
