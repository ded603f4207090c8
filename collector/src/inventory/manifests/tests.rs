use super::*;

/// A folder that is gone when the test ends.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tidegate-manifests-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn put(&self, file: &str, text: &str) {
        fs::write(self.0.join(file), text).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub(crate) const POD: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {nodeName: n}\n";
pub(crate) const POLICY: &str = "apiVersion: cilium.io/v2\nkind: CiliumEgressGatewayPolicy\nmetadata: {name: p}\nspec:\n  \
    selectors: [{podSelector: {}}]\n  destinationCIDRs: [0.0.0.0/0]\n  egressGateway: {nodeSelector: {}}\n";

#[test]
fn a_broken_file_is_named_and_the_others_are_read() {
    let folder = Folder::new("broken");
    folder.put("a.yaml", POD);
    folder.put("b.yaml", "kind: [unclosed");
    let reading = Manifests::new(&folder.0).read();
    assert_eq!(reading.objects.len(), 1);
    assert_eq!(reading.problems[0].origin, "b.yaml");
}

#[test]
fn an_unknown_field_names_file_object_and_field() {
    let folder = Folder::new("unknown");
    folder.put("p.yaml", &POLICY.replace("destinationCIDRs:", "destinationCidrs:"));
    let reading = Manifests::new(&folder.0).read();
    assert!(reading.objects.is_empty());
    let text = reading.problems[0].to_string();
    assert!(text.starts_with("p.yaml, document 1: ciliumegressgatewaypolicy/p: spec"), "{text}");
    assert!(text.contains("destinationCidrs"), "{text}");
}

#[test]
fn of_two_documents_with_one_name_the_first_is_used_and_the_second_reported() {
    let folder = Folder::new("twice");
    folder.put("a.yaml", &format!("{POD}---\n{POD}"));
    let reading = Manifests::new(&folder.0).read();
    assert_eq!(reading.objects.len(), 1);
    assert!(reading.problems[0].to_string().contains("is also in a.yaml, document 1"));
}

#[test]
fn a_policy_that_turns_bad_stays_in_force() {
    let folder = Folder::new("stays");
    let mut manifests = Manifests::new(&folder.0);
    folder.put("p.yaml", POLICY);
    assert_eq!(manifests.read().objects.len(), 1);
    assert!(!manifests.changed());
    folder.put("p.yaml", &POLICY.replace("0.0.0.0/0", "garbage"));
    assert!(manifests.changed());
    let reading = manifests.read();
    assert_eq!(reading.objects.len(), 1);
    assert!(reading.problems[0].message.contains("stays in force"));
    folder.put("p.yaml", "{");
    let reading = manifests.read();
    assert_eq!(reading.objects.len(), 1, "{:?}", reading.problems);
    fs::remove_file(folder.0.join("p.yaml")).unwrap();
    assert_eq!(manifests.read().objects.len(), 1);
    assert!(manifests.changed(), "one reading is not believed");
    assert!(manifests.read().objects.is_empty());
    assert!(!manifests.changed());
}

#[test]
fn a_file_that_is_empty_for_a_moment_takes_nothing_away() {
    let folder = Folder::new("moment");
    let mut manifests = Manifests::new(&folder.0);
    folder.put("p.yaml", POLICY);
    assert_eq!(manifests.read().objects.len(), 1);
    folder.put("p.yaml", "");
    assert_eq!(manifests.read().objects.len(), 1);
    folder.put("p.yaml", POLICY);
    assert_eq!(manifests.read().objects.len(), 1);
    assert!(!manifests.changed());
}

#[test]
fn a_folder_that_cannot_be_read_takes_nothing_away() {
    let folder = Folder::new("unreadable");
    let inner = folder.0.join("in");
    fs::create_dir(&inner).unwrap();
    fs::write(inner.join("p.yaml"), POLICY).unwrap();
    let mut manifests = Manifests::new(&inner);
    assert_eq!(manifests.read().objects.len(), 1);
    fs::rename(&inner, folder.0.join("away")).unwrap();
    fs::write(&inner, "a file where the folder was").unwrap();
    for _ in 0..3 {
        let reading = manifests.read();
        assert_eq!((reading.objects.len(), reading.problems.len()), (1, 1));
    }
}
