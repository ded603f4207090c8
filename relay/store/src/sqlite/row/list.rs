//! Lists of texts as one text.

use tidegate_flow::flow::Workload;

/// The items one after another, each with a line feed behind it.
pub(in crate::sqlite) fn list_text<'a>(items: impl IntoIterator<Item = &'a str>) -> String {
    let mut text = String::new();
    for item in items {
        for c in item.chars() {
            match c {
                '\n' => text.push_str("\\n"),
                '\\' => text.push_str("\\\\"),
                c => text.push(c),
            }
        }
        text.push('\n');
    }
    text
}

/// The items of a text made by [`list_text`].
pub(in crate::sqlite) fn text_list(text: &str) -> Vec<String> {
    text.split_terminator('\n').map(item).collect()
}

/// Workloads as a list: kind, name, kind, name …
pub(in crate::sqlite) fn workloads_text(workloads: &[Workload]) -> String {
    list_text(workloads.iter().flat_map(|workload| [&*workload.kind, &*workload.name]))
}

/// The workloads of a text made by [`workloads_text`].
pub(in crate::sqlite) fn text_workloads(text: &str) -> Vec<Workload> {
    let items = text_list(text);
    let (pairs, _) = items.as_chunks();
    pairs.iter().map(|[kind, name]| Workload { kind: kind.clone(), name: name.clone() }).collect()
}

fn item(text: &str) -> String {
    let mut item = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => item.push(if chars.next() == Some('n') { '\n' } else { '\\' }),
            c => item.push(c),
        }
    }
    item
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_texts_come_back() {
        for list in
            [&[][..], &[""], &["", ""], &["k8s:app=web", "k8s:tier=front"], &["a\nb", "\\", "\\n", "\\\n\\", "ü\n"]]
        {
            assert_eq!(text_list(&list_text(list.iter().copied())), list);
        }
    }
}
