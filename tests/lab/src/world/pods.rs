//! Pods come and go.

use anyhow::{Context as _, Result, ensure};

use super::World;
use crate::netns::Netns;
use crate::topology::{Pod, PodSpec, check_name, free_address, host_link};
use crate::{manifests, process, wiring};

impl World {
    /// Makes a pod: its namespace and link first, then its object (as a CNI and an API server
    /// would, a pod runs a moment before it is announced).
    pub fn add_pod(&self, spec: PodSpec) -> Result<Pod> {
        check_name("pod", &spec.name)?;
        let node = self.node(&spec.node)?;
        let pod = {
            let mut state = self.state();
            ensure!(
                state.pods.iter().all(|pod| pod.spec.name != spec.name)
                    && state.nodes.iter().all(|node| node.name != spec.name),
                "lab world {} already has a pod or node {}; remove it first",
                self.name,
                spec.name
            );
            let taken = state.pods.iter().map(|pod| pod.address);
            let address = match spec.address {
                Some(address) => {
                    ensure!(
                        state.pods.iter().all(|pod| pod.address != address),
                        "address {address} of pod {} is in use; choose another",
                        spec.name
                    );
                    address
                }
                None => free_address(&node, taken)?,
            };
            let pod = Pod { address, host_link: host_link(&spec.name), uid: manifests::new_uid()?, spec };
            // Reserved before it is made, so that two threads do not make the same one.
            state.pods.push(pod.clone());
            self.dir.write_state(&state)?;
            pod
        };
        let name = pod.spec.name.as_str();
        let made = Netns::create(self.pod_netns(name).name())
            .and_then(|netns| wiring::lay_pod(&self.place(&node.name), &netns, &node, &pod));
        if let Err(error) = made {
            // Half a pod is of no use to anybody.
            drop(self.remove_pod(name));
            return Err(error).with_context(|| format!("cannot make pod {name}"));
        }
        if pod.spec.manifest {
            self.announce(&pod, node.address)?;
        }
        Ok(pod)
    }

    /// Writes the object of a pod that was made unannounced.
    pub fn announce_pod(&self, name: &str) -> Result<()> {
        let pod = self.pod(name)?;
        let node = self.node(&pod.spec.node)?;
        self.announce(&pod, node.address)
    }

    /// Removes a pod: its object first, then whatever runs in it, its link and its namespace.
    pub fn remove_pod(&self, name: &str) -> Result<()> {
        let pod = self.pod(name)?;
        manifests::remove_pod(&self.dir.manifests(), name)?;
        let netns = self.pod_netns(name);
        if let Ok(inode) = netns.inode() {
            for process in process::inside(&[inode]) {
                process.signal(nix::sys::signal::Signal::SIGKILL)?;
            }
        }
        // A pod that was not made to the end has no link.
        let cut = wiring::cut_pod(&self.place(&pod.spec.node), &pod);
        netns.delete()?;
        let mut state = self.state();
        state.pods.retain(|pod| pod.spec.name != name);
        self.dir.write_state(&state)?;
        cut
    }

    /// Replaces the labels of a pod's object.
    pub fn relabel_pod(&self, name: &str, labels: &[(&str, &str)]) -> Result<()> {
        let pod = {
            let mut state = self.state();
            let pod = state
                .pods
                .iter_mut()
                .find(|pod| pod.spec.name == name)
                .with_context(|| format!("lab world {} has no pod {name}", self.name))?;
            pod.spec.labels = labels.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect();
            let pod = pod.clone();
            self.dir.write_state(&state)?;
            pod
        };
        let node = self.node(&pod.spec.node)?;
        self.announce(&pod, node.address)
    }

    fn announce(&self, pod: &Pod, host: std::net::Ipv4Addr) -> Result<()> {
        manifests::write_pod(&self.dir.manifests(), pod, host)
    }
}
