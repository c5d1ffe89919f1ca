"""The Talos releases this project knows; written by tools/talos_tables.py, not by hand.

Source of a row: github.com/siderolabs/talos at the tag and commit it names, constants in
pkg/machinery/constants/constants.go (Go module github.com/siderolabs/talos/pkg/machinery of that
version), pause in pkg/images/list.go. `-`: that release has no such image. `n`: how many
Kubernetes minors are supported, counted down from the default.
"""

from __future__ import annotations

__all__ = ["TABLE"]

TABLE = """\
# talos  kube   dns     etcd    etcd-image                   flannel pause  netpol n commit
v1.9.0   1.32.0 v1.12.0 v3.5.17 gcr.io/etcd-development/etcd v0.26.1 3.10   -      6 3cb25ceb3f3f
v1.9.1   1.32.0 v1.12.0 v3.5.17 gcr.io/etcd-development/etcd v0.26.1 3.10   -      6 348472f9e9e6
v1.9.2   1.32.0 v1.12.0 v3.5.17 gcr.io/etcd-development/etcd v0.26.1 3.10   -      6 09758b3f6014
v1.9.3   1.32.1 v1.12.0 v3.5.18 gcr.io/etcd-development/etcd v0.26.1 3.10   -      6 d40df438a49e
v1.9.4   1.32.2 v1.12.0 v3.5.18 gcr.io/etcd-development/etcd v0.26.4 3.10   -      6 c863a5617614
v1.9.5   1.32.3 v1.12.0 v3.5.19 gcr.io/etcd-development/etcd v0.26.5 3.10   -      6 d07f6daaa68b
v1.9.6   1.32.4 v1.12.0 v3.5.21 gcr.io/etcd-development/etcd v0.26.5 3.10   -      6 d6f6e92b1f7f
v1.10.0  1.33.0 v1.12.1 v3.5.21 gcr.io/etcd-development/etcd v0.26.7 3.10   -      6 e6bd83041b8f
v1.10.1  1.33.0 v1.12.1 v3.5.21 gcr.io/etcd-development/etcd v0.26.7 3.10   -      6 52269e8122cb
v1.10.2  1.33.0 v1.12.1 v3.5.21 gcr.io/etcd-development/etcd v0.26.7 3.10   -      6 1cf5914b6e9c
v1.10.3  1.33.1 v1.12.1 v3.5.21 gcr.io/etcd-development/etcd v0.26.7 3.10   -      6 dde2cebce8e0
v1.10.4  1.33.1 v1.12.1 v3.5.21 gcr.io/etcd-development/etcd v0.26.7 3.10   -      6 3c119bf87fdf
v1.10.5  1.33.2 v1.12.1 v3.5.21 gcr.io/etcd-development/etcd v0.26.7 3.10   -      6 55fc623313ca
v1.10.6  1.33.3 v1.12.1 v3.5.21 gcr.io/etcd-development/etcd v0.26.7 3.10   -      6 cfa6c98cec12
v1.10.7  1.33.4 v1.12.1 v3.5.21 gcr.io/etcd-development/etcd v0.26.7 3.10   -      6 71de2e23bab5
v1.10.8  1.33.6 v1.12.1 v3.5.21 gcr.io/etcd-development/etcd v0.26.7 3.10   -      6 c6cca077dd2f
v1.10.9  1.33.6 v1.12.1 v3.5.26 gcr.io/etcd-development/etcd v0.26.7 3.10   -      6 c48f7ede0334
v1.11.0  1.34.0 v1.12.2 v3.6.4  gcr.io/etcd-development/etcd v0.27.2 3.10   -      6 d9d89a3a82be
v1.11.1  1.34.0 v1.12.3 v3.6.4  gcr.io/etcd-development/etcd v0.27.2 3.10   -      6 8e85c8362550
v1.11.2  1.34.1 v1.12.3 v3.6.4  gcr.io/etcd-development/etcd v0.27.2 3.10   -      6 511b4d2e8932
v1.11.3  1.34.1 v1.12.4 v3.6.5  gcr.io/etcd-development/etcd v0.27.4 3.10   -      6 a0243ef77e65
v1.11.4  1.34.1 v1.12.4 v3.6.5  gcr.io/etcd-development/etcd v0.27.4 3.10   -      6 8aec376841aa
v1.11.5  1.34.1 v1.12.4 v3.6.5  gcr.io/etcd-development/etcd v0.27.4 3.10   -      6 bc34de6e1741
v1.11.6  1.34.1 v1.12.4 v3.6.5  gcr.io/etcd-development/etcd v0.27.4 3.10   -      6 6dd14300ecad
v1.12.0  1.35.0 v1.13.2 v3.6.7  registry.k8s.io/etcd         v0.27.4 3.10   -      6 ac91ade2c7e4
v1.12.1  1.35.0 v1.13.2 v3.6.7  registry.k8s.io/etcd         v0.27.4 3.10   -      6 7ea2ef7cf4d0
v1.12.2  1.35.0 v1.13.2 v3.6.7  registry.k8s.io/etcd         v0.27.4 3.10   -      6 54e5b438d8dc
v1.12.3  1.35.0 v1.13.2 v3.6.7  registry.k8s.io/etcd         v0.27.4 3.10   -      6 6d6471f69230
v1.12.4  1.35.0 v1.13.2 v3.6.7  registry.k8s.io/etcd         v0.27.4 3.10   -      6 fc8e600ba642
v1.12.5  1.35.2 v1.13.2 v3.6.8  registry.k8s.io/etcd         v0.27.4 3.10   -      6 da6c6e46118a
v1.12.6  1.35.2 v1.13.2 v3.6.8  registry.k8s.io/etcd         v0.27.4 3.10   -      6 a1b8bd612759
v1.12.7  1.35.4 v1.13.2 v3.6.9  registry.k8s.io/etcd         v0.27.4 3.10   -      6 91c63991eb66
v1.12.8  1.35.4 v1.14.3 v3.6.11 registry.k8s.io/etcd         v0.27.4 3.10.1 -      6 aef64cac398d
v1.12.9  1.35.4 v1.14.2 v3.6.11 registry.k8s.io/etcd         v0.27.4 3.10.1 -      6 150ee5ba0a33
v1.12.10 1.35.4 v1.14.2 v3.6.11 registry.k8s.io/etcd         v0.27.4 3.10.1 -      6 acf8380b3777
v1.12.11 1.35.4 v1.14.2 v3.6.11 registry.k8s.io/etcd         v0.27.4 3.10.1 -      6 2e80771bade5
v1.13.0  1.36.0 v1.14.2 v3.6.9  registry.k8s.io/etcd         v0.28.4 3.10.1 v1.0.0 6 b9e9c6579633
v1.13.1  1.36.0 v1.14.2 v3.6.11 registry.k8s.io/etcd         v0.28.4 3.10.1 v1.0.0 6 7df617aa74a4
v1.13.2  1.36.0 v1.14.2 v3.6.11 registry.k8s.io/etcd         v0.28.4 3.10.1 v1.0.0 6 c5d7c65366e9
v1.13.3  1.36.1 v1.14.2 v3.6.11 registry.k8s.io/etcd         v0.28.4 3.10.1 v1.0.0 6 befeda7cb3b8
v1.13.4  1.36.1 v1.14.2 v3.6.12 registry.k8s.io/etcd         v0.28.5 3.10.1 v1.0.0 6 707dbd89b871
v1.13.5  1.36.2 v1.14.2 v3.6.12 registry.k8s.io/etcd         v0.28.5 3.10.1 v1.0.0 6 51b0d8ed0097
v1.13.6  1.36.2 v1.14.2 v3.6.12 registry.k8s.io/etcd         v0.28.5 3.10.1 v1.0.0 6 04318854eb64
v1.13.7  1.36.2 v1.14.4 v3.6.12 registry.k8s.io/etcd         0.28.7  3.10.1 v1.1.0 6 b0039b7177ad
v1.13.8  1.36.2 v1.14.6 v3.6.12 registry.k8s.io/etcd         0.28.8  3.10.1 v1.1.0 6 3de4932272a8
v1.13.9  1.36.3 v1.14.6 v3.6.12 registry.k8s.io/etcd         0.28.8  3.10.1 v1.1.0 6 3ebd10a7c1bd
"""
