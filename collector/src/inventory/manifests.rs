//! The folder of manifests, read again whenever it changes; [`super::edit`] changes it.
//!
//! Reading never fails as a whole. What cannot be read becomes a [`Problem`] that names file,
//! object and field; where an earlier reading of the same file or object was good, that one
//! stays in force, so that a slip of the pen does not open a closed door. For the same reason an
//! object that is gone is believed to be gone only when two readings in a row say so, and never
//! while a file or the folder cannot be read: a file that is being copied is empty for a moment.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fmt, fs,
    path::{Path, PathBuf},
    time::SystemTime,
};

use anyhow::{Context, ensure};
use serde::Deserialize;
use serde_yaml_ng::Value;

use super::objects::{self, Body, Object};
use crate::policy::spec;

/// Largest manifest that is read.
const MAX_FILE: u64 = 64 << 20;

/// Something in the folder that could not be used.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Problem {
    /// File and position.
    pub origin: String,
    /// Kind and name, as far as they are known.
    pub object: String,
    /// The field and what is wrong with it.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.origin)?;
        if !self.object.is_empty() {
            write!(f, "{}: ", self.object)?;
        }
        f.write_str(&self.message)
    }
}

/// A folder of YAML files, read again whenever it changes.
#[derive(Debug)]
pub struct Manifests {
    folder: PathBuf,
    stamp: Option<Stamp>,
    /// Last documents of each file that could be split into documents.
    files: HashMap<PathBuf, Vec<Value>>,
    /// Last good reading of each object.
    good: HashMap<Key, Object>,
    /// Objects of `good` that the last reading did not find.
    missing: HashSet<Key>,
}

/// Kind, namespace and name.
type Key = (&'static str, String, String);

/// Names, sizes and times of the files: equal stamps mean that nothing changed.
type Stamp = BTreeMap<PathBuf, (u64, Option<SystemTime>)>;

/// What a reading gives.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// Every usable object, in order of file name and position.
    pub objects: Vec<Object>,
    /// What was not usable.
    pub problems: Vec<Problem>,
}

impl Manifests {
    /// The folder; it need not exist yet.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            stamp: None,
            files: HashMap::new(),
            good: HashMap::new(),
            missing: HashSet::new(),
        }
    }

    /// Whether there may be something new since the last [`Self::read`].
    #[must_use]
    pub fn changed(&self) -> bool {
        !self.missing.is_empty() || self.stamp.is_none() || stamp(&self.folder).ok() != self.stamp
    }

    /// Reads the folder.
    pub fn read(&mut self) -> Reading {
        let mut reading = Reading::default();
        let stamp = match stamp(&self.folder) {
            Ok(stamp) => stamp,
            Err(error) => {
                let message = format!("cannot read the folder ({error}); what was read last stays in force");
                reading.problems.push(Problem {
                    origin: self.folder.display().to_string(),
                    object: String::new(),
                    message,
                });
                reading.objects.extend(self.good.values().cloned());
                self.stamp = None;
                return reading;
            }
        };
        let mut seen: HashMap<Key, String> = HashMap::new();
        let mut complete = true;
        for path in stamp.keys() {
            complete &= self.read_file(path, &mut seen, &mut reading);
        }
        self.files.retain(|path, _| stamp.contains_key(path));
        let gone: HashSet<Key> = self.good.keys().filter(|key| !seen.contains_key(key)).cloned().collect();
        for key in &gone {
            if complete && self.missing.contains(key) {
                self.good.remove(key);
            } else {
                reading.objects.push(self.good[key].clone());
            }
        }
        self.missing = gone.into_iter().filter(|key| self.good.contains_key(key)).collect();
        self.stamp = Some(stamp);
        reading
    }

    /// Reads one file; `false` if it could not be split into documents.
    fn read_file(&mut self, path: &Path, seen: &mut HashMap<Key, String>, reading: &mut Reading) -> bool {
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let read = documents(path);
        let complete = read.is_ok();
        match read {
            Ok(documents) => {
                self.files.insert(path.to_owned(), documents);
            }
            Err(error) => {
                let kept = if self.files.contains_key(path) { "; its last good version stays in force" } else { "" };
                let message = format!("{error:#}{kept}");
                reading.problems.push(Problem { origin: file.clone(), object: String::new(), message });
            }
        }
        for (position, document) in self.files.get(path).into_iter().flatten().enumerate() {
            let origin = format!("{file}, document {}", position + 1);
            match read_document(document, &origin) {
                Ok(None) => {}
                Ok(Some(object)) => {
                    let key = (object.kind, object.namespace.clone(), object.name.clone());
                    if let Some(first) = seen.get(&key) {
                        let message = format!("metadata.name: is also in {first}, which is used");
                        reading.problems.push(Problem { origin, object: label(&object), message });
                        continue;
                    }
                    seen.insert(key.clone(), origin);
                    self.good.insert(key, object.clone());
                    reading.objects.push(object);
                }
                Err(refusal) => {
                    let Refusal { key, mut problem } = *refusal;
                    if let Some(key) = key.filter(|key| !seen.contains_key(key))
                        && let Some(old) = self.good.get(&key)
                    {
                        problem.message.push_str("; its last good version stays in force");
                        seen.insert(key, origin);
                        reading.objects.push(old.clone());
                    }
                    reading.problems.push(problem);
                }
            }
        }
        complete
    }
}

pub(super) fn namespaced(kind: &str) -> bool {
    matches!(kind, "Pod" | "Service")
}

/// `kind/name` as kubectl writes it.
pub(super) fn label(object: &Object) -> String {
    format!("{}/{}", object.kind.to_lowercase(), object.name)
}

/// The files of the folder; none if there is no folder yet. A file that vanishes meanwhile is left
/// to the next look.
pub(super) fn stamp(folder: &Path) -> std::io::Result<Stamp> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Stamp::new()),
        entries => entries?,
    };
    let mut stamp = Stamp::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml") {
            let data = fs::metadata(&path);
            stamp.insert(path, data.map_or((0, None), |data| (data.len(), data.modified().ok())));
        }
    }
    Ok(stamp)
}

pub(super) fn documents(path: &Path) -> anyhow::Result<Vec<Value>> {
    let size = fs::metadata(path).context("cannot read it")?.len();
    ensure!(size <= MAX_FILE, "{size} bytes; the limit is {MAX_FILE}");
    split(&fs::read_to_string(path).context("cannot read it")?)
}

pub(super) fn split(text: &str) -> anyhow::Result<Vec<Value>> {
    let mut documents = Vec::new();
    for document in serde_yaml_ng::Deserializer::from_str(text) {
        let value =
            Value::deserialize(document).with_context(|| format!("document {} is no YAML", documents.len() + 1))?;
        // A List is its items.
        match value.get("items") {
            Some(Value::Sequence(items)) if value.get("kind").and_then(Value::as_str) == Some("List") => {
                documents.extend(items.iter().cloned());
            }
            _ => documents.push(value),
        }
    }
    Ok(documents)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Head {
    api_version: String,
    pub(super) kind: String,
    pub(super) metadata: HeadMeta,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct HeadMeta {
    pub(super) name: String,
    pub(super) namespace: Option<String>,
    uid: Option<String>,
    creation_timestamp: Option<String>,
}

pub(super) fn head(document: &Value) -> Option<Head> {
    objects::typed(document).ok()
}

/// Why a document was refused, with the object's key as far as it is known.
pub(super) struct Refusal {
    key: Option<Key>,
    pub(super) problem: Problem,
}

/// Reads one document: an object, nothing (an empty document, or a kind of no concern), or why not.
pub(super) fn read_document(document: &Value, origin: &str) -> Result<Option<Object>, Box<Refusal>> {
    if document.is_null() {
        return Ok(None);
    }
    let problem = |object: String, message: String| Problem { origin: origin.to_owned(), object, message };
    let head: Head = objects::typed(document).map_err(|message| {
        let kind = document.get("kind").and_then(Value::as_str).unwrap_or_default();
        Box::new(Refusal { key: None, problem: problem(kind.to_lowercase(), message) })
    })?;
    let (kind, group) = match (head.kind.as_str(), head.api_version.as_str()) {
        ("CiliumEgressGatewayPolicy", version) => ("CiliumEgressGatewayPolicy", version == "cilium.io/v2"),
        ("Node", version) => ("Node", version == "v1"),
        ("Namespace", version) => ("Namespace", version == "v1"),
        ("Pod", version) => ("Pod", version == "v1"),
        ("Service", version) => ("Service", version == "v1"),
        (other, _) => {
            tracing::debug!(origin, kind = other, "not a kind that is read");
            return Ok(None);
        }
    };
    let object = format!("{}/{}", kind.to_lowercase(), head.metadata.name);
    if !group {
        let message = format!("apiVersion: {} is not known for this kind", head.api_version);
        return Err(Box::new(Refusal { key: None, problem: problem(object, message) }));
    }
    let namespace =
        if namespaced(kind) { head.metadata.namespace.unwrap_or_else(|| "default".into()) } else { String::new() };
    let key = (kind, namespace.clone(), head.metadata.name.clone());
    let body = match objects::core(kind, document) {
        Some(body) => body,
        None => spec::read(document).map(Body::Policy),
    }
    .map_err(|message| Box::new(Refusal { key: Some(key), problem: problem(object, message) }))?;
    Ok(Some(Object {
        kind,
        namespace,
        uid: head.metadata.uid.unwrap_or_else(|| head.metadata.name.clone()),
        name: head.metadata.name,
        created: head.metadata.creation_timestamp.unwrap_or_default(),
        origin: origin.to_owned(),
        body,
        document: document.clone(),
    }))
}

#[cfg(test)]
pub(super) mod tests;
