//! Reads encoded messages tag by tag. Whoever forwards a flow needs three of its hundred
//! fields; decoding would allocate them all. Input comes from the network, so every length is
//! checked and malformed bytes end the walk with [`Malformed`], never with a panic.
//!
//! Format: <https://protobuf.dev/programming-guides/encoding/>.

/// The bytes end inside a field, or hold a wire type that proto3 does not have.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("malformed protobuf: a field is cut off or has an unknown wire type")]
pub struct Malformed;

/// The value of one field as it lies on the wire.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Value<'a> {
    /// Wire type 0: integers, booleans, enums.
    Varint(u64),
    /// Wire type 1, little endian.
    Fixed64(u64),
    /// Wire type 2: strings, bytes, messages, packed lists.
    Bytes(&'a [u8]),
    /// Wire type 5, little endian.
    Fixed32(u32),
}

impl<'a> Value<'a> {
    /// The bytes of a length-delimited field; `None` for the other wire types.
    pub fn bytes(self) -> Option<&'a [u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The number of a varint field; `None` for the other wire types.
    pub fn varint(self) -> Option<u64> {
        match self {
            Self::Varint(number) => Some(number),
            _ => None,
        }
    }
}

/// One field of an encoded message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Field<'a> {
    /// Field number.
    pub number: u32,
    /// Its value.
    pub value: Value<'a>,
    /// Tag and value as they lie in the message, for copying the field unchanged.
    pub raw: &'a [u8],
}

/// The fields of one encoded message, in their order on the wire. Stops after the first error.
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    /// Walks `message`, the body without any length prefix.
    pub fn new(message: &'a [u8]) -> Self {
        Self { rest: message }
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<Field<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = read_field(self.rest);
        self.rest = match &field {
            Ok(field) => &self.rest[field.raw.len()..],
            Err(Malformed) => &[],
        };
        Some(field)
    }
}

/// The last length-delimited value of field `number`, which is the one that counts in proto3.
///
/// # Errors
/// When the message is malformed anywhere.
pub fn bytes_of(message: &[u8], number: u32) -> Result<Option<&[u8]>, Malformed> {
    let mut found = None;
    for field in Fields::new(message) {
        let field = field?;
        if field.number == number {
            found = field.value.bytes().or(found);
        }
    }
    Ok(found)
}

fn read_field(message: &[u8]) -> Result<Field<'_>, Malformed> {
    let mut rest = message;
    let tag = varint(&mut rest)?;
    let number = u32::try_from(tag >> 3).map_err(|_| Malformed)?;
    if number == 0 {
        return Err(Malformed);
    }
    let value = match tag & 7 {
        0 => Value::Varint(varint(&mut rest)?),
        1 => {
            let (bytes, tail) = rest.split_first_chunk().ok_or(Malformed)?;
            rest = tail;
            Value::Fixed64(u64::from_le_bytes(*bytes))
        }
        2 => {
            let length = usize::try_from(varint(&mut rest)?).map_err(|_| Malformed)?;
            let (bytes, tail) = rest.split_at_checked(length).ok_or(Malformed)?;
            rest = tail;
            Value::Bytes(bytes)
        }
        5 => {
            let (bytes, tail) = rest.split_first_chunk().ok_or(Malformed)?;
            rest = tail;
            Value::Fixed32(u32::from_le_bytes(*bytes))
        }
        _ => return Err(Malformed),
    };
    let raw = &message[..message.len() - rest.len()];
    Ok(Field { number, value, raw })
}

fn varint(rest: &mut &[u8]) -> Result<u64, Malformed> {
    let mut number = 0_u64;
    for (index, &byte) in rest.iter().enumerate().take(10) {
        number |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            *rest = &rest[index + 1..];
            return Ok(number);
        }
    }
    Err(Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_come_with_number_value_and_raw_bytes() {
        let message = [0x08, 0x96, 0x01, 0x12, 0x02, b'h', b'i', 0x1d, 1, 0, 0, 0];
        let fields: Vec<_> = Fields::new(&message).map(Result::unwrap).collect();
        assert_eq!(fields[0].value, Value::Varint(150));
        assert_eq!((fields[1].number, fields[1].value.bytes()), (2, Some(&b"hi"[..])));
        assert_eq!(fields[1].raw, &message[3..7]);
        assert_eq!((fields[2].number, fields[2].value), (3, Value::Fixed32(1)));
    }

    #[test]
    fn a_message_cut_inside_a_field_is_malformed() {
        let message = [0x12, 0x05, b'h', b'e', b'l', b'l', b'o'];
        for length in 1..message.len() {
            assert_eq!(bytes_of(&message[..length], 2), Err(Malformed), "cut at {length}");
        }
        assert_eq!(bytes_of(&message, 2), Ok(Some(&b"hello"[..])));
    }

    #[test]
    fn an_endless_varint_a_group_and_field_zero_are_malformed() {
        for message in [&[0x80; 12][..], &[0x0b, 0x0c], &[0x00, 0x01], &[0x12, 0xff, 0xff, 0x7f]] {
            assert_eq!(Fields::new(message).next(), Some(Err(Malformed)), "{message:x?}");
        }
    }

    #[test]
    fn the_last_value_of_a_field_counts() {
        assert_eq!(bytes_of(&[0x0a, 1, b'a', 0x0a, 1, b'b'], 1), Ok(Some(&b"b"[..])));
    }
}
