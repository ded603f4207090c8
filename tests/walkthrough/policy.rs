//! The tutorial's policy for one pod, with the gateway of the moment.

/// The clients and the nodes they run on.
pub(crate) const CLIENTS: [(&str, &str); 3] =
    [("client", "worker"), ("client2", "worker2"), ("client-cp", "control-plane")];

/// A policy `egress-<node>` that sends the clients on `node` through `gateway`; `extra` is one
/// field more for the gateway, such as `egressIP: 172.19.0.100`.
pub(crate) fn egress(node: &str, gateway: &str, extra: &str) -> String {
    format!(
        r#"---
apiVersion: cilium.io/v2
kind: CiliumEgressGatewayPolicy
metadata:
  name: egress-{node}
spec:
  selectors:
    - podSelector:
        matchLabels:
          app: client
          node: {node}
  destinationCIDRs: ["0.0.0.0/0"]
  excludedCIDRs: ["10.244.0.0/16", "10.96.0.0/16", "172.19.0.0/16"]
  egressGateway:
    nodeSelector:
      matchLabels:
        kubernetes.io/hostname: {gateway}
    {extra}
"#
    )
}
