//! The world as Kubernetes objects: what a cluster's API would show a collector.
//!
//! One file per pod, so that pods come and go without touching the others.

use std::collections::BTreeMap;
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::process::write_atomically;
use crate::topology::{KUBE_DNS_SERVICE, NodeSpec, Pod};

/// Stands for the hash of a pod template, which names the ReplicaSet.
const TEMPLATE_HASH: &str = "6d4b75cb6d";

/// Writes nodes, namespaces and services.
pub(crate) fn write_cluster(folder: &Path, nodes: &[NodeSpec], namespaces: &[&str]) -> Result<()> {
    let nodes = nodes.iter().map(node).collect::<Result<Vec<_>>>()?;
    write(&folder.join("nodes.yaml"), &nodes)?;
    let namespaces = namespaces.iter().map(|name| namespace(name)).collect::<Result<Vec<_>>>()?;
    write(&folder.join("namespaces.yaml"), &namespaces)?;
    write(&folder.join("services.yaml"), &[kube_dns_service()?])
}

/// Writes one pod's object.
pub(crate) fn write_pod(folder: &Path, pod: &Pod, host: Ipv4Addr) -> Result<()> {
    write(&pod_file(folder, &pod.spec.name), &[pod_object(pod, host)])
}

/// Removes one pod's object; absence is not an error.
pub(crate) fn remove_pod(folder: &Path, name: &str) -> Result<()> {
    remove(&pod_file(folder, name))
}

/// Removes a file; absence is not an error.
pub(crate) fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// A fresh object UID.
pub(crate) fn new_uid() -> Result<String> {
    let path = "/proc/sys/kernel/random/uuid";
    let uid = fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?;
    Ok(uid.trim().to_owned())
}

fn pod_file(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("pod-{name}.yaml"))
}

fn node(node: &NodeSpec) -> Result<Value> {
    let mut labels = node.labels.clone();
    labels.insert("kubernetes.io/hostname".to_owned(), node.name.clone());
    labels.insert("kubernetes.io/os".to_owned(), "linux".to_owned());
    Ok(json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": { "name": node.name, "uid": new_uid()?, "labels": labels },
        "spec": { "podCIDR": node.pod_cidr, "podCIDRs": [node.pod_cidr] },
        "status": {
            "addresses": [
                { "type": "InternalIP", "address": node.address },
                { "type": "Hostname", "address": node.name },
            ],
            "conditions": [{ "type": "Ready", "status": "True" }],
        },
    }))
}

fn namespace(name: &str) -> Result<Value> {
    Ok(json!({
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": name,
            "uid": new_uid()?,
            "labels": { "kubernetes.io/metadata.name": name },
        },
    }))
}

fn kube_dns_service() -> Result<Value> {
    Ok(json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": "kube-dns",
            "namespace": "kube-system",
            "uid": new_uid()?,
            "labels": { "k8s-app": "kube-dns" },
        },
        "spec": {
            "type": "ClusterIP",
            "clusterIP": KUBE_DNS_SERVICE,
            "clusterIPs": [KUBE_DNS_SERVICE],
            "selector": { "k8s-app": "kube-dns" },
            "ports": [
                { "name": "dns", "protocol": "UDP", "port": 53, "targetPort": 53 },
                { "name": "dns-tcp", "protocol": "TCP", "port": 53, "targetPort": 53 },
            ],
        },
    }))
}

fn pod_object(pod: &Pod, host: Ipv4Addr) -> Value {
    let spec = &pod.spec;
    let mut labels: BTreeMap<String, String> = spec.labels.clone();
    let mut metadata = json!({ "name": spec.name, "namespace": spec.namespace, "uid": pod.uid });
    if let Some(deployment) = &spec.deployment {
        labels.insert("pod-template-hash".to_owned(), TEMPLATE_HASH.to_owned());
        metadata["ownerReferences"] = json!([{
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "name": format!("{deployment}-{TEMPLATE_HASH}"),
            "uid": pod.uid,
            "controller": true,
            "blockOwnerDeletion": true,
        }]);
    }
    metadata["labels"] = json!(labels);
    let mut object = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": {
            "nodeName": spec.node,
            "serviceAccountName": "default",
            "containers": [{ "name": "main", "image": "lab" }],
        },
        "status": {
            "phase": "Running",
            "hostIP": host,
            "podIP": pod.address,
            "podIPs": [{ "ip": pod.address }],
        },
    });
    if !spec.node_selector.is_empty() {
        object["spec"]["nodeSelector"] = json!(spec.node_selector);
    }
    object
}

fn write(path: &Path, objects: &[Value]) -> Result<()> {
    let documents = objects
        .iter()
        .map(serde_yaml_ng::to_string)
        .collect::<Result<Vec<_>, _>>()
        .with_context(|| format!("cannot encode {}", path.display()))?;
    write_atomically(path, documents.join("---\n").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::{PodSpec, host_link};

    #[test]
    fn a_pod_of_a_deployment_says_so_through_its_replica_set() {
        let spec = PodSpec::new("client", "worker").label("app", "client").deployment("client").pinned();
        let pod =
            Pod { address: "10.244.1.10".parse().unwrap(), host_link: host_link("client"), uid: "u".to_owned(), spec };
        let object = pod_object(&pod, "172.19.0.11".parse().unwrap());
        assert_eq!(object["metadata"]["ownerReferences"][0]["name"], "client-6d4b75cb6d");
        assert_eq!(object["metadata"]["labels"]["pod-template-hash"], "6d4b75cb6d");
        assert_eq!(object["metadata"]["labels"]["node"], "worker");
        assert_eq!(object["spec"]["nodeSelector"]["kubernetes.io/hostname"], "worker");
        assert_eq!(object["status"]["podIPs"][0]["ip"], "10.244.1.10");
        assert_eq!(object["status"]["hostIP"], "172.19.0.11");
    }
}
