//! Edits of the folder of manifests, as `apply` and `delete` make them: each object in one step, so
//! that a reader finds the old one or the new one, and never none.

use std::{fs, path::Path};

use anyhow::{Context, bail, ensure};
use serde_yaml_ng::Value;

use super::{
    manifests::{Head, documents, head, label, namespaced, read_document, split, stamp},
    objects::{self, Object},
};

/// Writes every object of `source` (YAML, one or more documents) into the folder, replacing those
/// of the same kind and name wherever they stand. Nothing is written unless all are valid.
/// Returns one line per object, such as `ciliumegressgatewaypolicy/egress-worker created`.
pub fn apply(folder: &Path, source: &str, origin: &str) -> anyhow::Result<Vec<String>> {
    let mut objects: Vec<Object> = Vec::new();
    let mut problems = Vec::new();
    for (position, document) in split(source).with_context(|| origin.to_owned())?.iter().enumerate() {
        match read_document(document, &format!("{origin}, document {}", position + 1)) {
            Ok(None) => {}
            Ok(Some(object)) => match objects.iter().find(|other| same(other, &object)) {
                Some(first) => problems.push(format!(
                    "{}: {}: metadata.name: is also in {}",
                    object.origin,
                    label(&object),
                    first.origin
                )),
                None => objects.push(object),
            },
            Err(refusal) => problems.push(refusal.problem.to_string()),
        }
    }
    ensure!(problems.is_empty(), "nothing of {origin} was applied:\n  {}", problems.join("\n  "));
    ensure!(!objects.is_empty(), "{origin}: no object in it");
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let mut lines = Vec::new();
    for object in &objects {
        // In its place and in one step: a reader must never find the folder without it.
        let known = edit(folder, object.kind, &object.namespace, &object.name, Some(&object.document))?;
        let verb = match &known {
            Some(old) if *old == object.document => "unchanged",
            Some(_) => "configured",
            None => "created",
        };
        if known.is_none() {
            write(&folder.join(file_name(object)), &serde_yaml_ng::to_string(&object.document)?)?;
        }
        lines.push(format!("{} {verb}", label(object)));
    }
    Ok(lines)
}

/// Removes an object from the folder; an error if it is not there.
pub fn delete(folder: &Path, kind: &str, namespace: &str, name: &str) -> anyhow::Result<String> {
    let kind = kind_named(kind)?;
    let namespace = if namespaced(kind) { if namespace.is_empty() { "default" } else { namespace } } else { "" };
    match edit(folder, kind, namespace, name, None)? {
        Some(_) => Ok(format!("{}/{name} deleted", kind.to_lowercase())),
        None => bail!("{}/{name} is not in {}", kind.to_lowercase(), folder.display()),
    }
}

/// Kind, namespace and name of every object in `source`, for `delete -f`.
pub fn names_in(source: &str, origin: &str) -> anyhow::Result<Vec<(String, String, String)>> {
    let documents = split(source).with_context(|| origin.to_owned())?;
    let named = documents.iter().filter(|document| !document.is_null()).map(|document| {
        let head: Head = objects::typed(document).map_err(|message| anyhow::anyhow!("{origin}: {message}"))?;
        Ok((head.kind, head.metadata.namespace.unwrap_or_default(), head.metadata.name))
    });
    named.collect()
}

/// The kind that a command-line word means: its name, plural or short name, any case.
pub fn kind_named(word: &str) -> anyhow::Result<&'static str> {
    const KINDS: [(&str, &[&str]); 5] = [
        ("CiliumEgressGatewayPolicy", &["ciliumegressgatewaypolicy", "ciliumegressgatewaypolicies", "cegp"]),
        ("Pod", &["pod", "pods", "po"]),
        ("Node", &["node", "nodes", "no"]),
        ("Namespace", &["namespace", "namespaces", "ns"]),
        ("Service", &["service", "services", "svc"]),
    ];
    let word = word.to_lowercase();
    let bare = word.split_once('.').map_or(word.as_str(), |(bare, _)| bare);
    match KINDS.iter().find(|(_, words)| words.contains(&bare)) {
        Some((kind, _)) => Ok(kind),
        None => {
            bail!("unknown kind {word:?}: use ciliumegressgatewaypolicies (cegp), pods, nodes, namespaces or services")
        }
    }
}

fn same(a: &Object, b: &Object) -> bool {
    a.kind == b.kind && a.namespace == b.namespace && a.name == b.name
}

fn file_name(object: &Object) -> String {
    let namespace = if object.namespace.is_empty() { String::new() } else { format!("{}.", object.namespace) };
    format!("{}.{namespace}{}.yaml", object.kind.to_lowercase(), object.name)
}

/// Puts `new` in the place of an object in whatever file holds it, or takes the object out, and
/// returns what stood there.
fn edit(folder: &Path, kind: &str, namespace: &str, name: &str, new: Option<&Value>) -> anyhow::Result<Option<Value>> {
    let is_it = |document: &Value| {
        head(document).is_some_and(|head| {
            head.kind == kind
                && head.metadata.name == name
                && (!namespaced(kind) || head.metadata.namespace.as_deref().unwrap_or("default") == namespace)
        })
    };
    let mut found: Option<Value> = None;
    let files = stamp(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    for path in files.into_keys() {
        let Ok(all) = documents(&path) else { continue };
        if !all.iter().any(is_it) {
            continue;
        }
        let mut kept = Vec::new();
        for document in all {
            if !is_it(&document) {
                kept.push(document);
            } else if found.is_none() {
                kept.extend(new.cloned());
                found = Some(document);
            }
        }
        if kept.is_empty() {
            fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
        } else {
            let texts: Vec<_> = kept.iter().map(serde_yaml_ng::to_string).collect::<Result<_, _>>()?;
            write(&path, &texts.join("---\n"))?;
        }
    }
    Ok(found)
}

/// Writes a file in one step, so that a reader sees the old text or the new one.
fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let temporary = path.with_extension("yaml.new");
    fs::write(&temporary, text).with_context(|| format!("cannot write {}", temporary.display()))?;
    fs::rename(&temporary, path).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::super::manifests::{
        Manifests,
        tests::{Folder, POD, POLICY},
    };
    use super::*;

    #[test]
    fn apply_then_delete_leaves_the_folder_as_it_was() {
        let folder = Folder::new("apply");
        let text = format!("{POD}---\n{POLICY}");
        assert_eq!(apply(&folder.0, &text, "f").unwrap(), ["pod/a created", "ciliumegressgatewaypolicy/p created"]);
        assert_eq!(apply(&folder.0, POLICY, "f").unwrap(), ["ciliumegressgatewaypolicy/p unchanged"]);
        let changed = POLICY.replace("0.0.0.0/0", "1.0.0.0/8");
        assert_eq!(apply(&folder.0, &changed, "f").unwrap(), ["ciliumegressgatewaypolicy/p configured"]);
        delete(&folder.0, "cegp", "", "p").unwrap();
        delete(&folder.0, "pods", "", "a").unwrap();
        assert!(delete(&folder.0, "pods", "", "a").is_err());
        assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 0);
    }

    #[test]
    fn nothing_is_applied_if_one_document_is_bad() {
        let folder = Folder::new("half");
        let error =
            apply(&folder.0, &format!("{POD}---\n{}", POLICY.replace("selectors", "selector")), "f").unwrap_err();
        assert!(error.to_string().contains("f, document 2"), "{error}");
        assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 0);
    }

    #[test]
    fn an_object_is_changed_in_the_file_where_it_stands() {
        let folder = Folder::new("place");
        folder.put("all.yaml", &format!("{POD}---\n{POLICY}"));
        apply(&folder.0, &POLICY.replace("0.0.0.0/0", "1.0.0.0/8"), "f").unwrap();
        assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 1);
        let reading = Manifests::new(&folder.0).read();
        assert_eq!((reading.objects.len(), reading.problems.len()), (2, 0));
        assert!(fs::read_to_string(folder.0.join("all.yaml")).unwrap().contains("1.0.0.0/8"));
    }
}
