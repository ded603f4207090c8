//! Answers questions about messages from [`crate::DESCRIPTORS`].

use std::sync::LazyLock;

use prost_reflect::{DescriptorPool, Kind, MessageDescriptor};

/// Every message of this crate by name.
pub(crate) static POOL: LazyLock<DescriptorPool> =
    LazyLock::new(|| DescriptorPool::decode(crate::DESCRIPTORS).expect("the committed descriptors were tested"));

/// Whether `path` ("source.identity") names a field of `message` ("flow.Flow"), as a field mask
/// does: original names, and nothing below a repeated field.
pub fn has_path(message: &str, path: &str) -> bool {
    POOL.get_message_by_name(message).is_some_and(|message| leads(&message, path))
}

fn leads(message: &MessageDescriptor, path: &str) -> bool {
    let (name, rest) = path.split_once('.').map_or((path, None), |(name, rest)| (name, Some(rest)));
    let Some(field) = message.get_field_by_name(name) else {
        return false;
    };
    match (rest, field.kind()) {
        (None, _) => true,
        (Some(rest), Kind::Message(inner)) => !field.is_list() && leads(&inner, rest),
        (Some(_), _) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_through_messages_to_a_field() {
        for path in ["time", "IP", "source.identity", "l7.dns.query", "tunnel.IP.source"] {
            assert!(has_path("flow.Flow", path), "{path}");
        }
        for path in ["", "ip", "source.", "uuid.x", "source.workloads.name", "source..identity"] {
            assert!(!has_path("flow.Flow", path), "{path:?}");
        }
        assert!(!has_path("flow.Nothing", "time"));
    }
}
