// Made from ui/openapi.json by `npm run gen`.

export interface paths {
    "/api/v1/cli": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The command that shows the same flows */
        get: operations["cli"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/cli/parse": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What a command asks for */
        get: operations["parseCli"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/flows": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A page of stored flows */
        get: operations["page"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/flows/{uuid}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A stored flow with everything that is known about it */
        get: operations["flow"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/flows/export": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Stored flows, oldest first: a line each, at most as many as the header x-row-limit says */
        get: operations["export"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/flows/facets": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The most frequent values of some fields of stored flows */
        get: operations["facets"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/flows/histogram": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Stored flows over time, by outcome, with what was lost */
        get: operations["histogram"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/flows/stream": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Flows as they are stored: events `flows` (StreamFlows), `lost` (a list of Lost), `status` (Status), `ping` */
        get: operations["stream"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/openapi.json": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** This interface */
        get: operations["openapi"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/status": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** How the relay, the nodes and the store are; always answers */
        get: operations["status"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/values": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Values that a filter key may have, with their flows under the other filters */
        get: operations["values"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /** @description Flows by outcome. */
        Bucket: {
            /**
             * Format: int64
             * @description They went on, against a policy in audit mode.
             */
            audit: number;
            /**
             * Format: int64
             * @description They did not go on.
             */
            dropped: number;
            /**
             * Format: int64
             * @description They could not be judged.
             */
            error: number;
            /**
             * Format: int64
             * @description They went on as they were.
             */
            forwarded: number;
            /**
             * Format: int64
             * @description They went on by an egress address.
             */
            translated: number;
        };
        /** @description A command. */
        CliCommand: {
            /**
             * @description To be pasted into a shell.
             * @example tidegate observe --from-namespace payments --since 1h
             */
            command: string;
        };
        /** @description One filter of a command. */
        CliFilter: {
            /** @description The flag without dashes. */
            key: string;
            /** @description Whether `--not` stood before it. */
            not: boolean;
            /** @description Its value. */
            value: string;
        };
        /** @description What a command asks for. */
        CliFilters: {
            /** @description In the order of the command. */
            filters: components["schemas"]["CliFilter"][];
            /** @description Whether it follows. */
            follow: boolean;
            /** @description As it stands there. */
            since: string | null;
            /** @description As it stands there. */
            until: string | null;
        };
        /**
         * @description How sure it is that the connection was meant for the name.
         * @enum {string}
         */
        Confidence: "high" | "medium" | "low" | "unknown";
        /** @description Totals of a connection so far. */
        Connection: {
            /**
             * Format: int64
             * @description Bytes from the opening side.
             */
            bytes: number;
            end: components["schemas"]["Time"] | null;
            /**
             * Format: int64
             * @description Packets from the opening side.
             */
            packets: number;
            /**
             * Format: int64
             * @description Bytes from the other side.
             */
            replyBytes: number;
            /**
             * Format: int64
             * @description Packets from the other side.
             */
            replyPackets: number;
            start: components["schemas"]["Time"] | null;
        };
        /**
         * @description What was counted.
         * @enum {string}
         */
        CountSource: "flows" | "rollup";
        /**
         * @description Direction seen from the endpoint.
         * @enum {string}
         */
        Direction: "EGRESS" | "INGRESS" | "UNKNOWN";
        /** @description A DNS message. */
        Dns: {
            /** @description Canonical names on the way. */
            cnames: string[];
            /** @description Addresses answered. */
            ips: string[];
            /**
             * Format: double
             * @description From question to answer, milliseconds; null: the question was not seen, or this is one.
             */
            latencyMs: number | null;
            /** @description Name asked for, without the final dot. */
            query: string;
            /**
             * Format: int32
             * @description Response code.
             */
            rcode: number;
            /**
             * @description NOERROR, NXDOMAIN, …
             * @example NOERROR
             */
            rcodeName: string;
            /** @description Whether it is an answer. */
            response: boolean;
            /**
             * Format: int32
             * @description Smallest time to live of the answers, seconds.
             */
            ttl: number;
            /**
             * @description Types asked for.
             * @example [
             *       "A"
             *     ]
             */
            types: string[];
        };
        /** @description Why a flow was dropped. */
        Drop: {
            /** @description The precise cause, when there is more to say. */
            cause: string | null;
            /**
             * @description As in `flow.DropReason`.
             * @example NO_EGRESS_GATEWAY
             */
            reason: string;
            /**
             * @description In words.
             * @example No egress gateway found
             */
            text: string;
        };
        /** @description Translation of a connection that leaves the cluster. */
        Egress: {
            /** @description Name of the gateway node; empty likewise. */
            gateway: string;
            /** @description Address of the gateway node; empty likewise. */
            gatewayIp: string;
            /** @description Address that the outside sees; null on the pod's node when another node translates. */
            ip: string | null;
            /** @description Name of the policy; empty when the program that made the flow does not say. */
            policy: string;
            /**
             * Format: int32
             * @description Port that the outside sees.
             */
            port: number | null;
        };
        /** @description What kind of observation, and where. */
        Event: {
            /**
             * @description In words: to-network, policy-denied, dns-response, …
             * @example to-network
             */
            name: string;
            /**
             * Format: int32
             * @description Observation point or drop reason.
             */
            subtype: number;
            /**
             * Format: int32
             * @description Hubble's event type: 1 drop, 4 trace, 129 layer 7, …
             */
            type: number;
        };
        /** @description The most frequent values of a field. */
        Facet: {
            /** @description Which, as in `fields`. */
            field: string;
            /** @description The filter key that a click adds. */
            key: string;
            /**
             * Format: int64
             * @description Flows with values that are not listed.
             */
            others: number;
            /** @description Most frequent first. */
            values: components["schemas"]["ValueCount"][];
        };
        /** @description The most frequent values of some fields. */
        Facets: {
            /** @description False: the time budget ended the count early; the counts are of `completeSince` and later. */
            complete: boolean;
            /** @description Everything from here on is counted. */
            completeSince: components["schemas"]["Time"];
            /** @description As asked for, in that order. */
            facets: components["schemas"]["Facet"][];
            /**
             * Format: int64
             * @description Time it took, milliseconds.
             */
            ms: number;
        };
        /** @description One flow. */
        Flow: {
            connection: components["schemas"]["Connection"] | null;
            /** @description Receiver. */
            destination: components["schemas"]["Party"];
            /** @description Seen from the endpoint. */
            direction: components["schemas"]["Direction"];
            dns: components["schemas"]["Dns"] | null;
            drop: components["schemas"]["Drop"] | null;
            egress: components["schemas"]["Egress"] | null;
            /** @description What kind of observation. */
            event: components["schemas"]["Event"];
            /** @description Device at the point. */
            interface: string | null;
            /** @description The node that saw it. */
            node: string;
            /** @description What became of it, in one word. */
            outcome: components["schemas"]["Outcome"];
            /**
             * @description TCP, UDP, ICMPv4, …; empty when the message does not say.
             * @example TCP
             */
            protocol: string;
            /** @description Whether it answers; null: unknown. */
            reply: boolean | null;
            /** @description Sender. */
            source: components["schemas"]["Party"];
            /** @description Flags of TCP, or question and answer of DNS, as the command line prints them. */
            summary: string;
            /**
             * @description Those that are set.
             * @example [
             *       "SYN",
             *       "ACK"
             *     ]
             */
            tcpFlags: string[];
            /** @description When it was seen. */
            time: components["schemas"]["Time"];
            /** @description The same everywhere; what makes two deliveries one flow. */
            uuid: string;
            /**
             * @description As in `flow.Verdict`: FORWARDED, DROPPED, …
             * @example FORWARDED
             */
            verdict: string;
        };
        /** @description A flow with everything that is known about it. */
        FlowDetail: {
            /** @description The row. */
            flow: components["schemas"]["Flow"];
            /** @description The message as protojson. */
            raw: {
                [key: string]: unknown;
            };
        };
        /** @description A page of stored flows. */
        FlowPage: {
            /** @description False: the time budget ended the page early; go on with `next`. */
            complete: boolean;
            /** @description In the order asked for. */
            flows: components["schemas"]["Flow"][];
            /**
             * Format: int64
             * @description Time it took, milliseconds.
             */
            ms: number;
            /**
             * @description Cursor of the next page, to be sent with the `since` and `until` of this answer; null:
             *     there is none.
             */
            next: string | null;
            /** @description Where the span begins. */
            since: components["schemas"]["Time"];
            /** @description Where it ends. */
            until: components["schemas"]["Time"];
        };
        /** @description Flows over time, by outcome. */
        Histogram: {
            /** @description All of them, also the empty ones. */
            buckets: components["schemas"]["Bucket"][];
            /**
             * @description False: ask again with `since=spanSince`, `until=completeSince` and as many buckets as are
             *     before that, and add up.
             */
            complete: boolean;
            /** @description Everything from here on is counted; a bucket's edge, and the buckets before it are empty. */
            completeSince: components["schemas"]["Time"];
            /** @description Flows of the span that were not stored. */
            lost: components["schemas"]["Lost"][];
            /**
             * Format: int64
             * @description Time it took, milliseconds.
             */
            ms: number;
            /** @description Start of the first bucket. */
            since: components["schemas"]["Time"];
            /** @description What was counted. */
            source: components["schemas"]["CountSource"];
            /** @description Where the span begins: in the first bucket, of which only flows from here on count. */
            spanSince: components["schemas"]["Time"];
            /**
             * Format: double
             * @description Length of a bucket, milliseconds.
             */
            stepMs: number;
            /** @description Where the span ends. */
            until: components["schemas"]["Time"];
        };
        /** @description Flows of a node that were not stored. */
        Lost: {
            /**
             * Format: int64
             * @description How many; null: nobody knows.
             */
            count: number | null;
            /** @description The node. */
            node: string;
            /** @description Why. */
            reason: components["schemas"]["LostReason"];
            /** @description The first moment that may miss flows. */
            since: components["schemas"]["Time"];
            /**
             * @description In a sentence.
             * @example 1,840 lost, ring buffer full on worker-07
             */
            text: string;
            /** @description The last one. */
            until: components["schemas"]["Time"];
        };
        /**
         * @description Why flows are missing.
         * @enum {string}
         */
        LostReason: "kernel-ring" | "history" | "collector-gone" | "store";
        /** @description A name of an address, and how far it can be trusted. */
        Name: {
            /** @description How sure it is. */
            confidence: components["schemas"]["Confidence"];
            /** @description Lower case, without the final dot. */
            name: string;
            /** @description Where it is from. */
            source: components["schemas"]["NameSource"];
        };
        /**
         * @description Where a name is from.
         * @enum {string}
         */
        NameSource: "dns" | "sni" | "http-host" | "ptr" | "shared" | "unknown";
        /**
         * @description Whether the relay can ask a node.
         * @enum {string}
         */
        NodeState: "connected" | "unavailable" | "error" | "gone";
        /** @description A node. */
        NodeStatus: {
            /**
             * Format: double
             * @description Flows that it sees, between the last two times it was asked; null: asked only once.
             */
            flowsPerSecond: number | null;
            /** @description Why not. */
            message: string | null;
            /** @description Its name, as in its flows. */
            name: string;
            recordedUntil: components["schemas"]["Time"] | null;
            /** @description Whether the relay can ask it. */
            state: components["schemas"]["NodeState"];
            /** @description Of its collector; empty when it cannot be asked. */
            version: string;
        };
        /**
         * @description What became of a flow: its verdict, with our translation told apart.
         * @enum {string}
         */
        Outcome: "forwarded" | "translated" | "dropped" | "audit" | "error";
        /** @description One side of a flow. */
        Party: {
            /** @description Empty for outside addresses. */
            cluster: string;
            /**
             * Format: int32
             * @description Security identity.
             */
            identity: number;
            /** @description Address as the endpoint knows it; empty when the message has none. */
            ip: string;
            /** @description Identity labels. */
            labels: string[];
            /** @description Names that the endpoint asked for to get this address; best first. */
            names: components["schemas"]["Name"][];
            /** @description Of the pod; empty if it is none. */
            namespace: string;
            /** @description Empty if it is none. */
            pod: string;
            /**
             * Format: int32
             * @description Null: the protocol has none.
             */
            port: number | null;
            /**
             * @description Name of a reserved identity: world, host, …
             * @example world
             */
            reserved: string | null;
            service: components["schemas"]["Service"] | null;
            workload: components["schemas"]["Workload"] | null;
        };
        /** @description Why there is no answer. */
        Problem: {
            /** @description The cause, in a sentence. */
            error: string;
            /** @description What to try. */
            hint: string | null;
            /** @description As in the log and in the header `x-request-id`. */
            requestId: string;
        };
        /** @description The relay. */
        RelayStatus: {
            /** @description Where it is asked. */
            address: string;
            /** @description Whether it answers. */
            connected: boolean;
            /** @description Why not, and what to do. */
            message: string | null;
        };
        /** @description A service. */
        Service: {
            /** @description Its name. */
            name: string;
            /** @description Its namespace. */
            namespace: string;
        };
        /** @description How the dashboard's sources are. */
        Status: {
            /** @description Name of the cluster; empty while the relay cannot be asked. */
            cluster: string;
            /** @description By name. */
            nodes: components["schemas"]["NodeStatus"][];
            /** @description Where everything here comes from. */
            relay: components["schemas"]["RelayStatus"];
            store: components["schemas"]["StoreStatus"] | null;
            /** @description Why `store` is null and what to do, or why it takes no flows now. */
            storeMessage: string | null;
            /** @description Version of the dashboard's server. */
            version: string;
        };
        /** @description The store. */
        StoreStatus: {
            /**
             * Format: int64
             * @description Bytes on disk.
             */
            bytes: number;
            /**
             * Format: int64
             * @description Flows.
             */
            flows: number;
            newest: components["schemas"]["Time"] | null;
            oldest: components["schemas"]["Time"] | null;
            /**
             * Format: int64
             * @description What is older is removed.
             */
            retentionAgeSeconds: number;
            /**
             * Format: int64
             * @description What is oldest is removed when there is more.
             */
            retentionBytes: number;
            /**
             * Format: int32
             * @description Spans that are removed as a whole.
             */
            segments: number;
            /** @description Where it is, without secrets. */
            url: string;
        };
        /** @description Event `flows` of the stream: what was stored since the event before. */
        StreamFlows: {
            /** @description Those that match; one of `sampled` of them. */
            flows: components["schemas"]["Flow"][];
            /**
             * Format: int64
             * @description One of so many is shown; null: all of them.
             */
            sampled: number | null;
            /**
             * Format: int64
             * @description Flows stored meanwhile, matching or not.
             */
            seen: number;
        };
        /** @description A value to offer. */
        Suggestion: {
            /**
             * Format: int64
             * @description Flows with it under the other filters, one with it on both sides counted twice; null: not
             *     counted.
             */
            count: number | null;
            /** @description As a filter takes it. */
            value: string;
        };
        /**
         * Format: date-time
         * @description A point in time; in JSON it is RFC 3339 in UTC with nine digits after the second.
         * @example 2026-11-23T07:45:59.283104221Z
         */
        Time: string;
        /** @description A value and its flows. */
        ValueCount: {
            /**
             * Format: int64
             * @description Flows with it.
             */
            count: number;
            /**
             * @description In words, where there are others than the value: of drop reasons, as in `Drop.text`.
             * @example No egress gateway found
             */
            text?: string | null;
            /** @description As a filter takes it. */
            value: string;
        };
        /** @description Values that a filter key may have. */
        Values: {
            /** @description The key. */
            key: string;
            /** @description At most ten, most frequent first. */
            values: components["schemas"]["Suggestion"][];
        };
        /** @description An owner of pods. */
        Workload: {
            /** @description Deployment, DaemonSet, … */
            kind: string;
            /** @description Its name. */
            name: string;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    cli: {
        parameters: {
            query?: {
                /** @description Any pod on either side */
                "all-namespaces"?: string[];
                /** @description CEL expression over _flow */
                "cel-expression"?: string[];
                /** @description Cluster of either side, exactly */
                cluster?: string[];
                /** @description Response code of a DNS answer: NXDOMAIN, SERVFAIL, ..., or a number */
                "dns-rcode"?: string[];
                /** @description Reason of a drop, such as NO_EGRESS_GATEWAY */
                "drop-reason-desc"?: string[];
                /** @description Node that translated */
                "egress-gateway"?: string[];
                /** @description Policy that chose the egress address */
                "egress-policy"?: string[];
                /** @description Encrypted traffic only */
                encrypted?: string[];
                /** @description Leave out the flows that match all of TERMS, such as 'to-port:53 verdict:DROPPED'; each use by itself */
                exclude?: string[];
                /** @description Whether it follows */
                follow?: "false" | "true";
                /** @description Name of either side; * stands for any characters */
                fqdn?: string[];
                /** @description Any pod as the source */
                "from-all-namespaces"?: string[];
                /** @description Cluster of the source, exactly */
                "from-cluster"?: string[];
                /** @description Name of the source, as in replies from it */
                "from-fqdn"?: string[];
                /** @description Identity of the source */
                "from-identity"?: string[];
                /** @description Address or CIDR of the source */
                "from-ip"?: string[];
                /** @description Labels of the source */
                "from-label"?: string[];
                /** @description Namespace of the source */
                "from-namespace"?: string[];
                /** @description Pod of the source; /PREFIX for any namespace */
                "from-pod"?: string[];
                /** @description Port of the source, or a range */
                "from-port"?: string[];
                /** @description Service of the source */
                "from-service"?: string[];
                /** @description Workload of the source */
                "from-workload"?: string[];
                /** @description HTTP header */
                "http-header"?: string[];
                /** @description HTTP method */
                "http-method"?: string[];
                /** @description HTTP path */
                "http-path"?: string[];
                /** @description HTTP status such as 404 or 4+ */
                "http-status"?: string[];
                /** @description HTTP URL */
                "http-url"?: string[];
                /** @description Identity of either side: a number or a reserved name such as world */
                identity?: string[];
                /** @description Interface where the packet was seen */
                interface?: string[];
                /** @description Address or CIDR of either side */
                ip?: string[];
                /** @description Trace id found in an IP option */
                "ip-trace-id"?: string[];
                /** @description none, v4 or v6 */
                "ip-version"?: string[];
                /** @description IPv4 only */
                ipv4?: string[];
                /** @description IPv6 only */
                ipv6?: string[];
                /** @description Labels of either side, as a Kubernetes selector */
                label?: string[];
                /** @description Namespace of either side */
                namespace?: string[];
                /** @description Labels of the node */
                "node-label"?: string[];
                /** @description Node: NODE, CLUSTER/NODE or CLUSTER/; * stands for any characters */
                "node-name"?: string[];
                /** @description forwarded, translated, dropped, audit or error */
                outcome?: string[];
                /** @description Pod of either side: NAMESPACE/PREFIX, or PREFIX in namespace default */
                pod?: string[];
                /** @description Port of either side, or a range such as 8000-8100 */
                port?: string[];
                /** @description tcp, udp, sctp, icmp, icmpv4, icmpv6, dns, http, ... */
                protocol?: string[];
                /** @description Whether the packet answers: true or false */
                reply?: string[];
                /** @description Service of either side: NAMESPACE/PREFIX */
                service?: string[];
                /** @description As in the command */
                since?: string;
                /** @description Egress address that the source was translated to, or a CIDR */
                "snat-ip"?: string[];
                /** @description Egress port that the source was translated to */
                "snat-port"?: string[];
                /** @description TCP flags that must all be set, such as SYN,ACK */
                "tcp-flags"?: string[];
                /** @description Any pod as the destination */
                "to-all-namespaces"?: string[];
                /** @description Cluster of the destination, exactly */
                "to-cluster"?: string[];
                /** @description Name of the destination, as in requests to it */
                "to-fqdn"?: string[];
                /** @description Identity of the destination */
                "to-identity"?: string[];
                /** @description Address or CIDR of the destination */
                "to-ip"?: string[];
                /** @description Labels of the destination */
                "to-label"?: string[];
                /** @description Namespace of the destination */
                "to-namespace"?: string[];
                /** @description Pod of the destination; /PREFIX for any namespace */
                "to-pod"?: string[];
                /** @description Port of the destination, or a range */
                "to-port"?: string[];
                /** @description Service of the destination */
                "to-service"?: string[];
                /** @description Workload of the destination */
                "to-workload"?: string[];
                /** @description W3C trace id found in HTTP headers */
                "trace-id"?: string[];
                /** @description ingress or egress */
                "traffic-direction"?: string[];
                /** @description drop, trace, trace:to-network, l7, policy-verdict, ..., or numbers */
                type?: string[];
                /** @description Unencrypted traffic only */
                unencrypted?: string[];
                /** @description Destination outside whose name is not known */
                unresolved?: string[];
                /** @description As in the command */
                until?: string;
                /** @description The flow with this uuid */
                uuid?: string[];
                /** @description FORWARDED, DROPPED, AUDIT, REDIRECTED, ERROR, TRACED or TRANSLATED */
                verdict?: string[];
                /** @description Workload of either side: NAME, KIND/NAME or KIND/ */
                workload?: string[];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CliCommand"];
                };
            };
            /** @description There is no answer */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    parseCli: {
        parameters: {
            query: {
                /** @description A line for the shell, such as `hubble observe --verdict DROPPED` */
                command: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CliFilters"];
                };
            };
            /** @description There is no answer */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    page: {
        parameters: {
            query?: {
                /** @description Any pod on either side */
                "all-namespaces"?: string[];
                /** @description CEL expression over _flow */
                "cel-expression"?: string[];
                /** @description Cluster of either side, exactly */
                cluster?: string[];
                /** @description `next` of the page before */
                cursor?: string;
                /** @description Response code of a DNS answer: NXDOMAIN, SERVFAIL, ..., or a number */
                "dns-rcode"?: string[];
                /** @description Reason of a drop, such as NO_EGRESS_GATEWAY */
                "drop-reason-desc"?: string[];
                /** @description Node that translated */
                "egress-gateway"?: string[];
                /** @description Policy that chose the egress address */
                "egress-policy"?: string[];
                /** @description Encrypted traffic only */
                encrypted?: string[];
                /** @description Leave out the flows that match all of TERMS, such as 'to-port:53 verdict:DROPPED'; each use by itself */
                exclude?: string[];
                /** @description Name of either side; * stands for any characters */
                fqdn?: string[];
                /** @description Any pod as the source */
                "from-all-namespaces"?: string[];
                /** @description Cluster of the source, exactly */
                "from-cluster"?: string[];
                /** @description Name of the source, as in replies from it */
                "from-fqdn"?: string[];
                /** @description Identity of the source */
                "from-identity"?: string[];
                /** @description Address or CIDR of the source */
                "from-ip"?: string[];
                /** @description Labels of the source */
                "from-label"?: string[];
                /** @description Namespace of the source */
                "from-namespace"?: string[];
                /** @description Pod of the source; /PREFIX for any namespace */
                "from-pod"?: string[];
                /** @description Port of the source, or a range */
                "from-port"?: string[];
                /** @description Service of the source */
                "from-service"?: string[];
                /** @description Workload of the source */
                "from-workload"?: string[];
                /** @description HTTP header */
                "http-header"?: string[];
                /** @description HTTP method */
                "http-method"?: string[];
                /** @description HTTP path */
                "http-path"?: string[];
                /** @description HTTP status such as 404 or 4+ */
                "http-status"?: string[];
                /** @description HTTP URL */
                "http-url"?: string[];
                /** @description Identity of either side: a number or a reserved name such as world */
                identity?: string[];
                /** @description Interface where the packet was seen */
                interface?: string[];
                /** @description Address or CIDR of either side */
                ip?: string[];
                /** @description Trace id found in an IP option */
                "ip-trace-id"?: string[];
                /** @description none, v4 or v6 */
                "ip-version"?: string[];
                /** @description IPv4 only */
                ipv4?: string[];
                /** @description IPv6 only */
                ipv6?: string[];
                /** @description Labels of either side, as a Kubernetes selector */
                label?: string[];
                /** @description Flows on the page */
                limit?: number;
                /** @description Namespace of either side */
                namespace?: string[];
                /** @description Labels of the node */
                "node-label"?: string[];
                /** @description Node: NODE, CLUSTER/NODE or CLUSTER/; * stands for any characters */
                "node-name"?: string[];
                /** @description Which flows come first */
                order?: "newest" | "oldest";
                /** @description forwarded, translated, dropped, audit or error */
                outcome?: string[];
                /** @description Pod of either side: NAMESPACE/PREFIX, or PREFIX in namespace default */
                pod?: string[];
                /** @description Port of either side, or a range such as 8000-8100 */
                port?: string[];
                /** @description tcp, udp, sctp, icmp, icmpv4, icmpv6, dns, http, ... */
                protocol?: string[];
                /** @description Whether the packet answers: true or false */
                reply?: string[];
                /** @description Service of either side: NAMESPACE/PREFIX */
                service?: string[];
                /** @description First moment; without it, an hour ago */
                since?: string;
                /** @description Egress address that the source was translated to, or a CIDR */
                "snat-ip"?: string[];
                /** @description Egress port that the source was translated to */
                "snat-port"?: string[];
                /** @description TCP flags that must all be set, such as SYN,ACK */
                "tcp-flags"?: string[];
                /** @description Any pod as the destination */
                "to-all-namespaces"?: string[];
                /** @description Cluster of the destination, exactly */
                "to-cluster"?: string[];
                /** @description Name of the destination, as in requests to it */
                "to-fqdn"?: string[];
                /** @description Identity of the destination */
                "to-identity"?: string[];
                /** @description Address or CIDR of the destination */
                "to-ip"?: string[];
                /** @description Labels of the destination */
                "to-label"?: string[];
                /** @description Namespace of the destination */
                "to-namespace"?: string[];
                /** @description Pod of the destination; /PREFIX for any namespace */
                "to-pod"?: string[];
                /** @description Port of the destination, or a range */
                "to-port"?: string[];
                /** @description Service of the destination */
                "to-service"?: string[];
                /** @description Workload of the destination */
                "to-workload"?: string[];
                /** @description W3C trace id found in HTTP headers */
                "trace-id"?: string[];
                /** @description ingress or egress */
                "traffic-direction"?: string[];
                /** @description drop, trace, trace:to-network, l7, policy-verdict, ..., or numbers */
                type?: string[];
                /** @description Unencrypted traffic only */
                unencrypted?: string[];
                /** @description Destination outside whose name is not known */
                unresolved?: string[];
                /** @description Moment after the last one; without it, now */
                until?: string;
                /** @description The flow with this uuid */
                uuid?: string[];
                /** @description FORWARDED, DROPPED, AUDIT, REDIRECTED, ERROR, TRACED or TRANSLATED */
                verdict?: string[];
                /** @description Workload of either side: NAME, KIND/NAME or KIND/ */
                workload?: string[];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["FlowPage"];
                };
            };
            /** @description There is no answer */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    flow: {
        parameters: {
            query?: {
                /** @description First moment to look at; without it, the oldest */
                since?: string;
                /** @description Moment after the last one to look at; without it, now */
                until?: string;
            };
            header?: never;
            path: {
                /** @description Of the flow */
                uuid: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["FlowDetail"];
                };
            };
            /** @description There is no answer */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    export: {
        parameters: {
            query?: {
                /** @description Any pod on either side */
                "all-namespaces"?: string[];
                /** @description CEL expression over _flow */
                "cel-expression"?: string[];
                /** @description Cluster of either side, exactly */
                cluster?: string[];
                /** @description Response code of a DNS answer: NXDOMAIN, SERVFAIL, ..., or a number */
                "dns-rcode"?: string[];
                /** @description Reason of a drop, such as NO_EGRESS_GATEWAY */
                "drop-reason-desc"?: string[];
                /** @description Node that translated */
                "egress-gateway"?: string[];
                /** @description Policy that chose the egress address */
                "egress-policy"?: string[];
                /** @description Encrypted traffic only */
                encrypted?: string[];
                /** @description Leave out the flows that match all of TERMS, such as 'to-port:53 verdict:DROPPED'; each use by itself */
                exclude?: string[];
                /** @description Form of the lines */
                format?: "csv" | "jsonl";
                /** @description Name of either side; * stands for any characters */
                fqdn?: string[];
                /** @description Any pod as the source */
                "from-all-namespaces"?: string[];
                /** @description Cluster of the source, exactly */
                "from-cluster"?: string[];
                /** @description Name of the source, as in replies from it */
                "from-fqdn"?: string[];
                /** @description Identity of the source */
                "from-identity"?: string[];
                /** @description Address or CIDR of the source */
                "from-ip"?: string[];
                /** @description Labels of the source */
                "from-label"?: string[];
                /** @description Namespace of the source */
                "from-namespace"?: string[];
                /** @description Pod of the source; /PREFIX for any namespace */
                "from-pod"?: string[];
                /** @description Port of the source, or a range */
                "from-port"?: string[];
                /** @description Service of the source */
                "from-service"?: string[];
                /** @description Workload of the source */
                "from-workload"?: string[];
                /** @description HTTP header */
                "http-header"?: string[];
                /** @description HTTP method */
                "http-method"?: string[];
                /** @description HTTP path */
                "http-path"?: string[];
                /** @description HTTP status such as 404 or 4+ */
                "http-status"?: string[];
                /** @description HTTP URL */
                "http-url"?: string[];
                /** @description Identity of either side: a number or a reserved name such as world */
                identity?: string[];
                /** @description Interface where the packet was seen */
                interface?: string[];
                /** @description Address or CIDR of either side */
                ip?: string[];
                /** @description Trace id found in an IP option */
                "ip-trace-id"?: string[];
                /** @description none, v4 or v6 */
                "ip-version"?: string[];
                /** @description IPv4 only */
                ipv4?: string[];
                /** @description IPv6 only */
                ipv6?: string[];
                /** @description Labels of either side, as a Kubernetes selector */
                label?: string[];
                /** @description Namespace of either side */
                namespace?: string[];
                /** @description Labels of the node */
                "node-label"?: string[];
                /** @description Node: NODE, CLUSTER/NODE or CLUSTER/; * stands for any characters */
                "node-name"?: string[];
                /** @description forwarded, translated, dropped, audit or error */
                outcome?: string[];
                /** @description Pod of either side: NAMESPACE/PREFIX, or PREFIX in namespace default */
                pod?: string[];
                /** @description Port of either side, or a range such as 8000-8100 */
                port?: string[];
                /** @description tcp, udp, sctp, icmp, icmpv4, icmpv6, dns, http, ... */
                protocol?: string[];
                /** @description Whether the packet answers: true or false */
                reply?: string[];
                /** @description Service of either side: NAMESPACE/PREFIX */
                service?: string[];
                /** @description First moment; without it, an hour ago */
                since?: string;
                /** @description Egress address that the source was translated to, or a CIDR */
                "snat-ip"?: string[];
                /** @description Egress port that the source was translated to */
                "snat-port"?: string[];
                /** @description TCP flags that must all be set, such as SYN,ACK */
                "tcp-flags"?: string[];
                /** @description Any pod as the destination */
                "to-all-namespaces"?: string[];
                /** @description Cluster of the destination, exactly */
                "to-cluster"?: string[];
                /** @description Name of the destination, as in requests to it */
                "to-fqdn"?: string[];
                /** @description Identity of the destination */
                "to-identity"?: string[];
                /** @description Address or CIDR of the destination */
                "to-ip"?: string[];
                /** @description Labels of the destination */
                "to-label"?: string[];
                /** @description Namespace of the destination */
                "to-namespace"?: string[];
                /** @description Pod of the destination; /PREFIX for any namespace */
                "to-pod"?: string[];
                /** @description Port of the destination, or a range */
                "to-port"?: string[];
                /** @description Service of the destination */
                "to-service"?: string[];
                /** @description Workload of the destination */
                "to-workload"?: string[];
                /** @description W3C trace id found in HTTP headers */
                "trace-id"?: string[];
                /** @description ingress or egress */
                "traffic-direction"?: string[];
                /** @description drop, trace, trace:to-network, l7, policy-verdict, ..., or numbers */
                type?: string[];
                /** @description Unencrypted traffic only */
                unencrypted?: string[];
                /** @description Destination outside whose name is not known */
                unresolved?: string[];
                /** @description Moment after the last one; without it, now */
                until?: string;
                /** @description The flow with this uuid */
                uuid?: string[];
                /** @description FORWARDED, DROPPED, AUDIT, REDIRECTED, ERROR, TRACED or TRANSLATED */
                verdict?: string[];
                /** @description Workload of either side: NAME, KIND/NAME or KIND/ */
                workload?: string[];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/jsonl": string;
                    "text/csv": string;
                };
            };
            /** @description There is no answer */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    facets: {
        parameters: {
            query: {
                /** @description Any pod on either side */
                "all-namespaces"?: string[];
                /** @description CEL expression over _flow */
                "cel-expression"?: string[];
                /** @description Cluster of either side, exactly */
                cluster?: string[];
                /** @description Response code of a DNS answer: NXDOMAIN, SERVFAIL, ..., or a number */
                "dns-rcode"?: string[];
                /** @description Reason of a drop, such as NO_EGRESS_GATEWAY */
                "drop-reason-desc"?: string[];
                /** @description Node that translated */
                "egress-gateway"?: string[];
                /** @description Policy that chose the egress address */
                "egress-policy"?: string[];
                /** @description Encrypted traffic only */
                encrypted?: string[];
                /** @description Leave out the flows that match all of TERMS, such as 'to-port:53 verdict:DROPPED'; each use by itself */
                exclude?: string[];
                /** @description Fields, joined by commas */
                fields: string;
                /** @description Name of either side; * stands for any characters */
                fqdn?: string[];
                /** @description Any pod as the source */
                "from-all-namespaces"?: string[];
                /** @description Cluster of the source, exactly */
                "from-cluster"?: string[];
                /** @description Name of the source, as in replies from it */
                "from-fqdn"?: string[];
                /** @description Identity of the source */
                "from-identity"?: string[];
                /** @description Address or CIDR of the source */
                "from-ip"?: string[];
                /** @description Labels of the source */
                "from-label"?: string[];
                /** @description Namespace of the source */
                "from-namespace"?: string[];
                /** @description Pod of the source; /PREFIX for any namespace */
                "from-pod"?: string[];
                /** @description Port of the source, or a range */
                "from-port"?: string[];
                /** @description Service of the source */
                "from-service"?: string[];
                /** @description Workload of the source */
                "from-workload"?: string[];
                /** @description HTTP header */
                "http-header"?: string[];
                /** @description HTTP method */
                "http-method"?: string[];
                /** @description HTTP path */
                "http-path"?: string[];
                /** @description HTTP status such as 404 or 4+ */
                "http-status"?: string[];
                /** @description HTTP URL */
                "http-url"?: string[];
                /** @description Identity of either side: a number or a reserved name such as world */
                identity?: string[];
                /** @description Interface where the packet was seen */
                interface?: string[];
                /** @description Address or CIDR of either side */
                ip?: string[];
                /** @description Trace id found in an IP option */
                "ip-trace-id"?: string[];
                /** @description none, v4 or v6 */
                "ip-version"?: string[];
                /** @description IPv4 only */
                ipv4?: string[];
                /** @description IPv6 only */
                ipv6?: string[];
                /** @description Labels of either side, as a Kubernetes selector */
                label?: string[];
                /** @description Namespace of either side */
                namespace?: string[];
                /** @description Labels of the node */
                "node-label"?: string[];
                /** @description Node: NODE, CLUSTER/NODE or CLUSTER/; * stands for any characters */
                "node-name"?: string[];
                /** @description forwarded, translated, dropped, audit or error */
                outcome?: string[];
                /** @description Pod of either side: NAMESPACE/PREFIX, or PREFIX in namespace default */
                pod?: string[];
                /** @description Port of either side, or a range such as 8000-8100 */
                port?: string[];
                /** @description tcp, udp, sctp, icmp, icmpv4, icmpv6, dns, http, ... */
                protocol?: string[];
                /** @description Whether the packet answers: true or false */
                reply?: string[];
                /** @description Service of either side: NAMESPACE/PREFIX */
                service?: string[];
                /** @description First moment; without it, an hour ago */
                since?: string;
                /** @description Egress address that the source was translated to, or a CIDR */
                "snat-ip"?: string[];
                /** @description Egress port that the source was translated to */
                "snat-port"?: string[];
                /** @description TCP flags that must all be set, such as SYN,ACK */
                "tcp-flags"?: string[];
                /** @description Any pod as the destination */
                "to-all-namespaces"?: string[];
                /** @description Cluster of the destination, exactly */
                "to-cluster"?: string[];
                /** @description Name of the destination, as in requests to it */
                "to-fqdn"?: string[];
                /** @description Identity of the destination */
                "to-identity"?: string[];
                /** @description Address or CIDR of the destination */
                "to-ip"?: string[];
                /** @description Labels of the destination */
                "to-label"?: string[];
                /** @description Namespace of the destination */
                "to-namespace"?: string[];
                /** @description Pod of the destination; /PREFIX for any namespace */
                "to-pod"?: string[];
                /** @description Port of the destination, or a range */
                "to-port"?: string[];
                /** @description Service of the destination */
                "to-service"?: string[];
                /** @description Workload of the destination */
                "to-workload"?: string[];
                /** @description W3C trace id found in HTTP headers */
                "trace-id"?: string[];
                /** @description ingress or egress */
                "traffic-direction"?: string[];
                /** @description drop, trace, trace:to-network, l7, policy-verdict, ..., or numbers */
                type?: string[];
                /** @description Unencrypted traffic only */
                unencrypted?: string[];
                /** @description Destination outside whose name is not known */
                unresolved?: string[];
                /** @description Moment after the last one; without it, now */
                until?: string;
                /** @description The flow with this uuid */
                uuid?: string[];
                /** @description FORWARDED, DROPPED, AUDIT, REDIRECTED, ERROR, TRACED or TRANSLATED */
                verdict?: string[];
                /** @description Workload of either side: NAME, KIND/NAME or KIND/ */
                workload?: string[];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Facets"];
                };
            };
            /** @description There is no answer */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    histogram: {
        parameters: {
            query?: {
                /** @description Any pod on either side */
                "all-namespaces"?: string[];
                /** @description Buckets; the answer may have fewer */
                buckets?: number;
                /** @description CEL expression over _flow */
                "cel-expression"?: string[];
                /** @description Cluster of either side, exactly */
                cluster?: string[];
                /** @description Response code of a DNS answer: NXDOMAIN, SERVFAIL, ..., or a number */
                "dns-rcode"?: string[];
                /** @description Reason of a drop, such as NO_EGRESS_GATEWAY */
                "drop-reason-desc"?: string[];
                /** @description Node that translated */
                "egress-gateway"?: string[];
                /** @description Policy that chose the egress address */
                "egress-policy"?: string[];
                /** @description Encrypted traffic only */
                encrypted?: string[];
                /** @description Leave out the flows that match all of TERMS, such as 'to-port:53 verdict:DROPPED'; each use by itself */
                exclude?: string[];
                /** @description Name of either side; * stands for any characters */
                fqdn?: string[];
                /** @description Any pod as the source */
                "from-all-namespaces"?: string[];
                /** @description Cluster of the source, exactly */
                "from-cluster"?: string[];
                /** @description Name of the source, as in replies from it */
                "from-fqdn"?: string[];
                /** @description Identity of the source */
                "from-identity"?: string[];
                /** @description Address or CIDR of the source */
                "from-ip"?: string[];
                /** @description Labels of the source */
                "from-label"?: string[];
                /** @description Namespace of the source */
                "from-namespace"?: string[];
                /** @description Pod of the source; /PREFIX for any namespace */
                "from-pod"?: string[];
                /** @description Port of the source, or a range */
                "from-port"?: string[];
                /** @description Service of the source */
                "from-service"?: string[];
                /** @description Workload of the source */
                "from-workload"?: string[];
                /** @description HTTP header */
                "http-header"?: string[];
                /** @description HTTP method */
                "http-method"?: string[];
                /** @description HTTP path */
                "http-path"?: string[];
                /** @description HTTP status such as 404 or 4+ */
                "http-status"?: string[];
                /** @description HTTP URL */
                "http-url"?: string[];
                /** @description Identity of either side: a number or a reserved name such as world */
                identity?: string[];
                /** @description Interface where the packet was seen */
                interface?: string[];
                /** @description Address or CIDR of either side */
                ip?: string[];
                /** @description Trace id found in an IP option */
                "ip-trace-id"?: string[];
                /** @description none, v4 or v6 */
                "ip-version"?: string[];
                /** @description IPv4 only */
                ipv4?: string[];
                /** @description IPv6 only */
                ipv6?: string[];
                /** @description Labels of either side, as a Kubernetes selector */
                label?: string[];
                /** @description Namespace of either side */
                namespace?: string[];
                /** @description Labels of the node */
                "node-label"?: string[];
                /** @description Node: NODE, CLUSTER/NODE or CLUSTER/; * stands for any characters */
                "node-name"?: string[];
                /** @description forwarded, translated, dropped, audit or error */
                outcome?: string[];
                /** @description Pod of either side: NAMESPACE/PREFIX, or PREFIX in namespace default */
                pod?: string[];
                /** @description Port of either side, or a range such as 8000-8100 */
                port?: string[];
                /** @description tcp, udp, sctp, icmp, icmpv4, icmpv6, dns, http, ... */
                protocol?: string[];
                /** @description Whether the packet answers: true or false */
                reply?: string[];
                /** @description Service of either side: NAMESPACE/PREFIX */
                service?: string[];
                /** @description First moment; without it, an hour ago */
                since?: string;
                /** @description Egress address that the source was translated to, or a CIDR */
                "snat-ip"?: string[];
                /** @description Egress port that the source was translated to */
                "snat-port"?: string[];
                /** @description TCP flags that must all be set, such as SYN,ACK */
                "tcp-flags"?: string[];
                /** @description Any pod as the destination */
                "to-all-namespaces"?: string[];
                /** @description Cluster of the destination, exactly */
                "to-cluster"?: string[];
                /** @description Name of the destination, as in requests to it */
                "to-fqdn"?: string[];
                /** @description Identity of the destination */
                "to-identity"?: string[];
                /** @description Address or CIDR of the destination */
                "to-ip"?: string[];
                /** @description Labels of the destination */
                "to-label"?: string[];
                /** @description Namespace of the destination */
                "to-namespace"?: string[];
                /** @description Pod of the destination; /PREFIX for any namespace */
                "to-pod"?: string[];
                /** @description Port of the destination, or a range */
                "to-port"?: string[];
                /** @description Service of the destination */
                "to-service"?: string[];
                /** @description Workload of the destination */
                "to-workload"?: string[];
                /** @description W3C trace id found in HTTP headers */
                "trace-id"?: string[];
                /** @description ingress or egress */
                "traffic-direction"?: string[];
                /** @description drop, trace, trace:to-network, l7, policy-verdict, ..., or numbers */
                type?: string[];
                /** @description Unencrypted traffic only */
                unencrypted?: string[];
                /** @description Destination outside whose name is not known */
                unresolved?: string[];
                /** @description Moment after the last one; without it, now */
                until?: string;
                /** @description The flow with this uuid */
                uuid?: string[];
                /** @description FORWARDED, DROPPED, AUDIT, REDIRECTED, ERROR, TRACED or TRANSLATED */
                verdict?: string[];
                /** @description Workload of either side: NAME, KIND/NAME or KIND/ */
                workload?: string[];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Histogram"];
                };
            };
            /** @description There is no answer */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    stream: {
        parameters: {
            query?: {
                /** @description Any pod on either side */
                "all-namespaces"?: string[];
                /** @description CEL expression over _flow */
                "cel-expression"?: string[];
                /** @description Cluster of either side, exactly */
                cluster?: string[];
                /** @description Response code of a DNS answer: NXDOMAIN, SERVFAIL, ..., or a number */
                "dns-rcode"?: string[];
                /** @description Reason of a drop, such as NO_EGRESS_GATEWAY */
                "drop-reason-desc"?: string[];
                /** @description Node that translated */
                "egress-gateway"?: string[];
                /** @description Policy that chose the egress address */
                "egress-policy"?: string[];
                /** @description Encrypted traffic only */
                encrypted?: string[];
                /** @description Leave out the flows that match all of TERMS, such as 'to-port:53 verdict:DROPPED'; each use by itself */
                exclude?: string[];
                /** @description Name of either side; * stands for any characters */
                fqdn?: string[];
                /** @description Any pod as the source */
                "from-all-namespaces"?: string[];
                /** @description Cluster of the source, exactly */
                "from-cluster"?: string[];
                /** @description Name of the source, as in replies from it */
                "from-fqdn"?: string[];
                /** @description Identity of the source */
                "from-identity"?: string[];
                /** @description Address or CIDR of the source */
                "from-ip"?: string[];
                /** @description Labels of the source */
                "from-label"?: string[];
                /** @description Namespace of the source */
                "from-namespace"?: string[];
                /** @description Pod of the source; /PREFIX for any namespace */
                "from-pod"?: string[];
                /** @description Port of the source, or a range */
                "from-port"?: string[];
                /** @description Service of the source */
                "from-service"?: string[];
                /** @description Workload of the source */
                "from-workload"?: string[];
                /** @description HTTP header */
                "http-header"?: string[];
                /** @description HTTP method */
                "http-method"?: string[];
                /** @description HTTP path */
                "http-path"?: string[];
                /** @description HTTP status such as 404 or 4+ */
                "http-status"?: string[];
                /** @description HTTP URL */
                "http-url"?: string[];
                /** @description Identity of either side: a number or a reserved name such as world */
                identity?: string[];
                /** @description Interface where the packet was seen */
                interface?: string[];
                /** @description Address or CIDR of either side */
                ip?: string[];
                /** @description Trace id found in an IP option */
                "ip-trace-id"?: string[];
                /** @description none, v4 or v6 */
                "ip-version"?: string[];
                /** @description IPv4 only */
                ipv4?: string[];
                /** @description IPv6 only */
                ipv6?: string[];
                /** @description Labels of either side, as a Kubernetes selector */
                label?: string[];
                /** @description Namespace of either side */
                namespace?: string[];
                /** @description Labels of the node */
                "node-label"?: string[];
                /** @description Node: NODE, CLUSTER/NODE or CLUSTER/; * stands for any characters */
                "node-name"?: string[];
                /** @description forwarded, translated, dropped, audit or error */
                outcome?: string[];
                /** @description Pod of either side: NAMESPACE/PREFIX, or PREFIX in namespace default */
                pod?: string[];
                /** @description Port of either side, or a range such as 8000-8100 */
                port?: string[];
                /** @description Where to go on; Last-Event-ID comes first */
                position?: string;
                /** @description tcp, udp, sctp, icmp, icmpv4, icmpv6, dns, http, ... */
                protocol?: string[];
                /** @description Whether the packet answers: true or false */
                reply?: string[];
                /** @description Service of either side: NAMESPACE/PREFIX */
                service?: string[];
                /** @description Egress address that the source was translated to, or a CIDR */
                "snat-ip"?: string[];
                /** @description Egress port that the source was translated to */
                "snat-port"?: string[];
                /** @description TCP flags that must all be set, such as SYN,ACK */
                "tcp-flags"?: string[];
                /** @description Any pod as the destination */
                "to-all-namespaces"?: string[];
                /** @description Cluster of the destination, exactly */
                "to-cluster"?: string[];
                /** @description Name of the destination, as in requests to it */
                "to-fqdn"?: string[];
                /** @description Identity of the destination */
                "to-identity"?: string[];
                /** @description Address or CIDR of the destination */
                "to-ip"?: string[];
                /** @description Labels of the destination */
                "to-label"?: string[];
                /** @description Namespace of the destination */
                "to-namespace"?: string[];
                /** @description Pod of the destination; /PREFIX for any namespace */
                "to-pod"?: string[];
                /** @description Port of the destination, or a range */
                "to-port"?: string[];
                /** @description Service of the destination */
                "to-service"?: string[];
                /** @description Workload of the destination */
                "to-workload"?: string[];
                /** @description W3C trace id found in HTTP headers */
                "trace-id"?: string[];
                /** @description ingress or egress */
                "traffic-direction"?: string[];
                /** @description drop, trace, trace:to-network, l7, policy-verdict, ..., or numbers */
                type?: string[];
                /** @description Unencrypted traffic only */
                unencrypted?: string[];
                /** @description Destination outside whose name is not known */
                unresolved?: string[];
                /** @description The flow with this uuid */
                uuid?: string[];
                /** @description FORWARDED, DROPPED, AUDIT, REDIRECTED, ERROR, TRACED or TRANSLATED */
                verdict?: string[];
                /** @description Workload of either side: NAME, KIND/NAME or KIND/ */
                workload?: string[];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": string;
                };
            };
            /** @description There is no answer */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    openapi: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": Record<string, never>;
                };
            };
        };
    };
    status: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Status"];
                };
            };
        };
    };
    values: {
        parameters: {
            query: {
                /** @description Any pod on either side */
                "all-namespaces"?: string[];
                /** @description CEL expression over _flow */
                "cel-expression"?: string[];
                /** @description Cluster of either side, exactly */
                cluster?: string[];
                /** @description Response code of a DNS answer: NXDOMAIN, SERVFAIL, ..., or a number */
                "dns-rcode"?: string[];
                /** @description Reason of a drop, such as NO_EGRESS_GATEWAY */
                "drop-reason-desc"?: string[];
                /** @description Node that translated */
                "egress-gateway"?: string[];
                /** @description Policy that chose the egress address */
                "egress-policy"?: string[];
                /** @description Encrypted traffic only */
                encrypted?: string[];
                /** @description Leave out the flows that match all of TERMS, such as 'to-port:53 verdict:DROPPED'; each use by itself */
                exclude?: string[];
                /** @description Name of either side; * stands for any characters */
                fqdn?: string[];
                /** @description Any pod as the source */
                "from-all-namespaces"?: string[];
                /** @description Cluster of the source, exactly */
                "from-cluster"?: string[];
                /** @description Name of the source, as in replies from it */
                "from-fqdn"?: string[];
                /** @description Identity of the source */
                "from-identity"?: string[];
                /** @description Address or CIDR of the source */
                "from-ip"?: string[];
                /** @description Labels of the source */
                "from-label"?: string[];
                /** @description Namespace of the source */
                "from-namespace"?: string[];
                /** @description Pod of the source; /PREFIX for any namespace */
                "from-pod"?: string[];
                /** @description Port of the source, or a range */
                "from-port"?: string[];
                /** @description Service of the source */
                "from-service"?: string[];
                /** @description Workload of the source */
                "from-workload"?: string[];
                /** @description HTTP header */
                "http-header"?: string[];
                /** @description HTTP method */
                "http-method"?: string[];
                /** @description HTTP path */
                "http-path"?: string[];
                /** @description HTTP status such as 404 or 4+ */
                "http-status"?: string[];
                /** @description HTTP URL */
                "http-url"?: string[];
                /** @description Identity of either side: a number or a reserved name such as world */
                identity?: string[];
                /** @description Interface where the packet was seen */
                interface?: string[];
                /** @description Address or CIDR of either side */
                ip?: string[];
                /** @description Trace id found in an IP option */
                "ip-trace-id"?: string[];
                /** @description none, v4 or v6 */
                "ip-version"?: string[];
                /** @description IPv4 only */
                ipv4?: string[];
                /** @description IPv6 only */
                ipv6?: string[];
                /** @description The key */
                key: string;
                /** @description Labels of either side, as a Kubernetes selector */
                label?: string[];
                /** @description Namespace of either side */
                namespace?: string[];
                /** @description Labels of the node */
                "node-label"?: string[];
                /** @description Node: NODE, CLUSTER/NODE or CLUSTER/; * stands for any characters */
                "node-name"?: string[];
                /** @description forwarded, translated, dropped, audit or error */
                outcome?: string[];
                /** @description Pod of either side: NAMESPACE/PREFIX, or PREFIX in namespace default */
                pod?: string[];
                /** @description Port of either side, or a range such as 8000-8100 */
                port?: string[];
                /** @description What the values begin with, in any case */
                prefix?: string;
                /** @description tcp, udp, sctp, icmp, icmpv4, icmpv6, dns, http, ... */
                protocol?: string[];
                /** @description Whether the packet answers: true or false */
                reply?: string[];
                /** @description Service of either side: NAMESPACE/PREFIX */
                service?: string[];
                /** @description First moment; without it, an hour ago */
                since?: string;
                /** @description Egress address that the source was translated to, or a CIDR */
                "snat-ip"?: string[];
                /** @description Egress port that the source was translated to */
                "snat-port"?: string[];
                /** @description TCP flags that must all be set, such as SYN,ACK */
                "tcp-flags"?: string[];
                /** @description Any pod as the destination */
                "to-all-namespaces"?: string[];
                /** @description Cluster of the destination, exactly */
                "to-cluster"?: string[];
                /** @description Name of the destination, as in requests to it */
                "to-fqdn"?: string[];
                /** @description Identity of the destination */
                "to-identity"?: string[];
                /** @description Address or CIDR of the destination */
                "to-ip"?: string[];
                /** @description Labels of the destination */
                "to-label"?: string[];
                /** @description Namespace of the destination */
                "to-namespace"?: string[];
                /** @description Pod of the destination; /PREFIX for any namespace */
                "to-pod"?: string[];
                /** @description Port of the destination, or a range */
                "to-port"?: string[];
                /** @description Service of the destination */
                "to-service"?: string[];
                /** @description Workload of the destination */
                "to-workload"?: string[];
                /** @description W3C trace id found in HTTP headers */
                "trace-id"?: string[];
                /** @description ingress or egress */
                "traffic-direction"?: string[];
                /** @description drop, trace, trace:to-network, l7, policy-verdict, ..., or numbers */
                type?: string[];
                /** @description Unencrypted traffic only */
                unencrypted?: string[];
                /** @description Destination outside whose name is not known */
                unresolved?: string[];
                /** @description Moment after the last one; without it, now */
                until?: string;
                /** @description The flow with this uuid */
                uuid?: string[];
                /** @description FORWARDED, DROPPED, AUDIT, REDIRECTED, ERROR, TRACED or TRANSLATED */
                verdict?: string[];
                /** @description Workload of either side: NAME, KIND/NAME or KIND/ */
                workload?: string[];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Values"];
                };
            };
            /** @description There is no answer */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
}
