"""The Talos releases this project knows; written by tools/talos_tables.py, not by hand.

Source of a row: the Go modules github.com/siderolabs/talos/pkg/machinery (constants/constants.go)
and, for pause, github.com/siderolabs/talos (pkg/images/list.go) of the row's version. `-`: that
release has no such image. `n`: how many Kubernetes minors are supported, counted down from the
default. Go's checksum database vouches for SUMS; for UNVOUCHED_SUMS, which Go made of the
repository's tags, it was not asked. Both are lines of a go.sum.
"""

from __future__ import annotations

__all__ = ["SUMS", "TABLE", "UNVOUCHED_SUMS"]

TABLE = """\
# talos  kube   dns     etcd    etcd-image                   flannel pause  netpol n
v1.9.0   1.32.0 v1.12.0 v3.5.17 gcr.io/etcd-development/etcd v0.26.1 3.10   -      6
v1.9.1   1.32.0 v1.12.0 v3.5.17 gcr.io/etcd-development/etcd v0.26.1 3.10   -      6
v1.9.2   1.32.0 v1.12.0 v3.5.17 gcr.io/etcd-development/etcd v0.26.1 3.10   -      6
v1.9.3   1.32.1 v1.12.0 v3.5.18 gcr.io/etcd-development/etcd v0.26.1 3.10   -      6
v1.9.4   1.32.2 v1.12.0 v3.5.18 gcr.io/etcd-development/etcd v0.26.4 3.10   -      6
v1.9.5   1.32.3 v1.12.0 v3.5.19 gcr.io/etcd-development/etcd v0.26.5 3.10   -      6
v1.9.6   1.32.4 v1.12.0 v3.5.21 gcr.io/etcd-development/etcd v0.26.5 3.10   -      6
v1.10.0  1.33.0 v1.12.1 v3.5.21 gcr.io/etcd-development/etcd v0.26.7 3.10   -      6
v1.10.1  1.33.0 v1.12.1 v3.5.21 gcr.io/etcd-development/etcd v0.26.7 3.10   -      6
v1.10.2  1.33.0 v1.12.1 v3.5.21 gcr.io/etcd-development/etcd v0.26.7 3.10   -      6
v1.10.3  1.33.1 v1.12.1 v3.5.21 gcr.io/etcd-development/etcd v0.26.7 3.10   -      6
v1.10.4  1.33.1 v1.12.1 v3.5.21 gcr.io/etcd-development/etcd v0.26.7 3.10   -      6
v1.10.5  1.33.2 v1.12.1 v3.5.21 gcr.io/etcd-development/etcd v0.26.7 3.10   -      6
v1.10.6  1.33.3 v1.12.1 v3.5.21 gcr.io/etcd-development/etcd v0.26.7 3.10   -      6
v1.10.7  1.33.4 v1.12.1 v3.5.21 gcr.io/etcd-development/etcd v0.26.7 3.10   -      6
v1.10.8  1.33.6 v1.12.1 v3.5.21 gcr.io/etcd-development/etcd v0.26.7 3.10   -      6
v1.10.9  1.33.6 v1.12.1 v3.5.26 gcr.io/etcd-development/etcd v0.26.7 3.10   -      6
v1.11.0  1.34.0 v1.12.2 v3.6.4  gcr.io/etcd-development/etcd v0.27.2 3.10   -      6
v1.11.1  1.34.0 v1.12.3 v3.6.4  gcr.io/etcd-development/etcd v0.27.2 3.10   -      6
v1.11.2  1.34.1 v1.12.3 v3.6.4  gcr.io/etcd-development/etcd v0.27.2 3.10   -      6
v1.11.3  1.34.1 v1.12.4 v3.6.5  gcr.io/etcd-development/etcd v0.27.4 3.10   -      6
v1.11.4  1.34.1 v1.12.4 v3.6.5  gcr.io/etcd-development/etcd v0.27.4 3.10   -      6
v1.11.5  1.34.1 v1.12.4 v3.6.5  gcr.io/etcd-development/etcd v0.27.4 3.10   -      6
v1.11.6  1.34.1 v1.12.4 v3.6.5  gcr.io/etcd-development/etcd v0.27.4 3.10   -      6
v1.12.0  1.35.0 v1.13.2 v3.6.7  registry.k8s.io/etcd         v0.27.4 3.10   -      6
v1.12.1  1.35.0 v1.13.2 v3.6.7  registry.k8s.io/etcd         v0.27.4 3.10   -      6
v1.12.2  1.35.0 v1.13.2 v3.6.7  registry.k8s.io/etcd         v0.27.4 3.10   -      6
v1.12.3  1.35.0 v1.13.2 v3.6.7  registry.k8s.io/etcd         v0.27.4 3.10   -      6
v1.12.4  1.35.0 v1.13.2 v3.6.7  registry.k8s.io/etcd         v0.27.4 3.10   -      6
v1.12.5  1.35.2 v1.13.2 v3.6.8  registry.k8s.io/etcd         v0.27.4 3.10   -      6
v1.12.6  1.35.2 v1.13.2 v3.6.8  registry.k8s.io/etcd         v0.27.4 3.10   -      6
v1.12.7  1.35.4 v1.13.2 v3.6.9  registry.k8s.io/etcd         v0.27.4 3.10   -      6
v1.12.8  1.35.4 v1.14.3 v3.6.11 registry.k8s.io/etcd         v0.27.4 3.10.1 -      6
v1.12.9  1.35.4 v1.14.2 v3.6.11 registry.k8s.io/etcd         v0.27.4 3.10.1 -      6
v1.12.10 1.35.4 v1.14.2 v3.6.11 registry.k8s.io/etcd         v0.27.4 3.10.1 -      6
v1.12.11 1.35.4 v1.14.2 v3.6.11 registry.k8s.io/etcd         v0.27.4 3.10.1 -      6
v1.13.0  1.36.0 v1.14.2 v3.6.9  registry.k8s.io/etcd         v0.28.4 3.10.1 v1.0.0 6
v1.13.1  1.36.0 v1.14.2 v3.6.11 registry.k8s.io/etcd         v0.28.4 3.10.1 v1.0.0 6
v1.13.2  1.36.0 v1.14.2 v3.6.11 registry.k8s.io/etcd         v0.28.4 3.10.1 v1.0.0 6
v1.13.3  1.36.1 v1.14.2 v3.6.11 registry.k8s.io/etcd         v0.28.4 3.10.1 v1.0.0 6
v1.13.4  1.36.1 v1.14.2 v3.6.12 registry.k8s.io/etcd         v0.28.5 3.10.1 v1.0.0 6
v1.13.5  1.36.2 v1.14.2 v3.6.12 registry.k8s.io/etcd         v0.28.5 3.10.1 v1.0.0 6
v1.13.6  1.36.2 v1.14.2 v3.6.12 registry.k8s.io/etcd         v0.28.5 3.10.1 v1.0.0 6
v1.13.7  1.36.2 v1.14.4 v3.6.12 registry.k8s.io/etcd         0.28.7  3.10.1 v1.1.0 6
v1.13.8  1.36.2 v1.14.6 v3.6.12 registry.k8s.io/etcd         0.28.8  3.10.1 v1.1.0 6
v1.13.9  1.36.3 v1.14.6 v3.6.12 registry.k8s.io/etcd         0.28.8  3.10.1 v1.1.0 6
"""

SUMS = """\
github.com/siderolabs/talos/pkg/machinery v1.9.0 h1:9WWhu6yOlnbGousV6E8StwSntI3+JJf0debXEJZCAkg=
github.com/siderolabs/talos v1.9.0 h1:hfQA/YKgT7zUvEsHfxNaOmWtl3kaXfogdjLdUQyEkTE=
github.com/siderolabs/talos/pkg/machinery v1.9.1 h1:TWkvUSiLbJmtBXLKAfFgEBAQSJe3Q9iS+VoBz4lQEWE=
github.com/siderolabs/talos/pkg/machinery v1.9.5 h1:hH+f48MLNoDUeyny1zR/i2fLqReK64Fq9WmIizL8GEs=
github.com/siderolabs/talos v1.9.5 h1:vtXm/UK5wMGQ+Wez12d+s8fRcl0CY2CitBr+AI09GkU=
github.com/siderolabs/talos/pkg/machinery v1.10.0 h1:XMwL9OBULHfGWcwMwPS9BhxPD1r/lcySbZspDLcX064=
github.com/siderolabs/talos v1.10.0 h1:aOq1xI65lZEl7/Xy43cfMwcxkTPBOZ3xaDz/ulYrRbw=
github.com/siderolabs/talos/pkg/machinery v1.10.1 h1:iMG+I06ppz0Bj2Ex8NCSUBsbB6rK/gW9nCF01/TM2tU=
github.com/siderolabs/talos/pkg/machinery v1.10.3 h1:otoAMrxvQBdkdQDPREJH+pa6bebuA7HK3Vb0qgpeIgA=
github.com/siderolabs/talos v1.10.3 h1:xsKs7OLBd2Y0g4aaSjJhRBfzTvGjLDcLeWYC9OodbGY=
github.com/siderolabs/talos/pkg/machinery v1.10.4 h1:IR/OlItU3sbCFoHqOX4j5swkOHhaGB/4zWCaZK3yOhE=
github.com/siderolabs/talos v1.10.4 h1:PQDG0tReSrjMn46NZaqC6a3UED5uwwX6SBH+Zr0cwE4=
github.com/siderolabs/talos v1.10.5 h1:EIvE49KwfolVS00asW+PI0MhRBCuPqB956HpzmWz9CE=
github.com/siderolabs/talos/pkg/machinery v1.10.6 h1:XrkSs1AVfd5z9lkPnu5A/Hr2+rTpcIC4rkWgmVP4UX0=
github.com/siderolabs/talos v1.10.6 h1:AMKxFXAuw8E9o1pCQ7veJuIz18LrEibehUatnGgv3tw=
github.com/siderolabs/talos/pkg/machinery v1.11.0 h1:4OYGCyKJ5+jot9gP7hSRfX3rfy/fibcfJPljDATyWeg=
github.com/siderolabs/talos v1.11.0 h1:6wOxH1OY1ENw1mRjFnUvplN8T+HakiEsupEZW+1V8Vw=
github.com/siderolabs/talos/pkg/machinery v1.11.1 h1:uK5BHmup9QvsdHeS9+uN1/Hd8URR/1R8P85B9e+ci0g=
github.com/siderolabs/talos v1.11.1 h1:j/UwdhV6XV2S/N4ivPRo+lSWSpeusiZWQsOIyEJG9tY=
github.com/siderolabs/talos/pkg/machinery v1.11.2 h1:y6Vx1nTCDk0d6B87L0lJHh34kAEv5XeTX5smhdiNClY=
github.com/siderolabs/talos/pkg/machinery v1.11.3 h1:rFjwS1mqn3HtkbBP+GxZ7GKSW8J1jj28JuRTE0eERF0=
github.com/siderolabs/talos/pkg/machinery v1.11.5 h1:RDt7pAoe5K6y99N66t+nkBaJsL8asQfcYYeIH2JSrGY=
github.com/siderolabs/talos v1.11.5 h1:0BGvCR3ATr8LrEMNmuo8MbZE4hmaghZVOWiyQCPXo1Q=
github.com/siderolabs/talos/pkg/machinery v1.11.6 h1:Uv7o3MTndvhIDd/eTyJaDvwQfmZGmCORLmrBd/6iOR8=
github.com/siderolabs/talos/pkg/machinery v1.12.0 h1:SDXXCTEuPhaXIA84WuBeG8cxR71DkF8FhXXgb2S1048=
github.com/siderolabs/talos v1.12.0 h1:ESejLcot+q41sHH/oP4Ndd5pUrXQS6z7KTMwzIqsuqc=
github.com/siderolabs/talos/pkg/machinery v1.12.1 h1:MfAYsfaS4OekMU+fgQeCr/ZMDgr0kWE+iyUbB/CPNmI=
github.com/siderolabs/talos v1.12.1 h1:DNLLbG7aKlc0D48A08gSCKOn754Q2LX4NvwTrSexY/k=
github.com/siderolabs/talos/pkg/machinery v1.12.4 h1:4Zh47gUnK8y155dUWJKpSRnFgAozvFjs7XlGMaKGhM0=
github.com/siderolabs/talos/pkg/machinery v1.12.5 h1:RBf/bUTHRuGNobKiAtnKqs7QZEOikWuKyOlGPSwwAUI=
github.com/siderolabs/talos/pkg/machinery v1.12.6 h1:p8XG6i82Y5MTLeaPDtFv2TnE7UY9tPLbbRI8cwJdRlw=
github.com/siderolabs/talos v1.12.6 h1:wHRZSkPC+jVDPXHPujREP/KjU421vL5AwnyhnLvVElI=
github.com/siderolabs/talos/pkg/machinery v1.12.7 h1:1lCx7kJETu/29De0MvEjaswFlrj9Y+DKFW4EjUhN4MU=
github.com/siderolabs/talos/pkg/machinery v1.13.0 h1:nNfAUqgD/yOb4RZAc3xrQXKYllIK36RPaJacNQQC3TI=
github.com/siderolabs/talos v1.13.0 h1:4KXRbxCZ/8FtXRV/cEaouW8K/LjRkBLG7a42dsNLe8M=
github.com/siderolabs/talos/pkg/machinery v1.13.3 h1:+8pPT7UZUSxbmwAor81/uleQla9cItwww1Aps4XuQPI=
github.com/siderolabs/talos/pkg/machinery v1.13.4 h1:wwvvP4s9AwPW3N7BcWI/4nKdJ+e0fTHev3i+sVWMmMc=
github.com/siderolabs/talos/pkg/machinery v1.13.5 h1:lTgyxR2o//Ppi9rmIC6RPO3UDZBVzCM7MrsU+OKVF+o=
github.com/siderolabs/talos v1.13.5 h1:y4DP9rYEAB4A0fbFSIWMZfvFogRC3qB5KuDdtKhAhYA=
github.com/siderolabs/talos/pkg/machinery v1.13.6 h1:0XwJroRMDS8whr2KdxFQuyOJz+Zs4AV9G8oyE0emDJI=
github.com/siderolabs/talos v1.13.6 h1:7iq3xrhOoR6+Tig3E3C89fKFaoAwzpvJiV5Maw2eFLI=
github.com/siderolabs/talos/pkg/machinery v1.13.7 h1:0cPB37GT83zDKYueh2saaet3wXy00mUdkQcdPqrbK60=
github.com/siderolabs/talos v1.13.7 h1:lxIkUajbneQMM/lIVS+JTOn1TwSLCgYwe4E4/M72FNM=
github.com/siderolabs/talos/pkg/machinery v1.13.8 h1:3h8wHf/6oCUHcCjjTDoOEzSW6E3ESCDuhoL8d6mIzR8=
github.com/siderolabs/talos v1.13.8 h1:Z69eVMUIDk+AiWAdztbZPZKZp2mbqcWFspECPXIDA4k=
github.com/siderolabs/talos/pkg/machinery v1.13.9 h1:4Qch4CVfhT3C48PfiIFXYa1LAhSWA6o7NmrEO2bsLlg=
github.com/siderolabs/talos v1.13.9 h1:rTVcPmnU2nx3JewD4UnhHL9j1ZaOPHN0/b02GwLysZA=
"""

UNVOUCHED_SUMS = """\
github.com/siderolabs/talos v1.9.1 h1:DGM2O9uBKVSPssYI88rqWm6Uy+g7Ym4tzyt5m+uyXFg=
github.com/siderolabs/talos/pkg/machinery v1.9.2 h1:Y1MuXHUHOHikxF7IG76HniOo8tJvC8JoBlDfZ8URjpM=
github.com/siderolabs/talos v1.9.2 h1:TT3MAoeh6v/pcAXkiu5Dd7XLutz2NH34DxLqCGvX0ek=
github.com/siderolabs/talos/pkg/machinery v1.9.3 h1:P3fb4UsmF3UEV2CDf100L7fVW+CBL5Yk6sEDis7uZr4=
github.com/siderolabs/talos v1.9.3 h1:WSF0Bt2ZoTCaFlR9elOCYu92tpRyqIGH+dmZaRqXu9I=
github.com/siderolabs/talos/pkg/machinery v1.9.4 h1:ReKkU5gaf5h/cZde3ME45hREgOEWODTJYfBFeMhZGkA=
github.com/siderolabs/talos v1.9.4 h1:AWtXU1m/cttQ5VKngnnGuy2nEZCyogRjUKAT/Q1iQh8=
github.com/siderolabs/talos/pkg/machinery v1.9.6 h1:VMILUL+55WwDd3b6J02dxBE2+1teYJRBvKA36EckhGk=
github.com/siderolabs/talos v1.9.6 h1:fgOV9bR90g8x5zRKPSX1S1Yl6yhcuE1tJan50FHjILc=
github.com/siderolabs/talos v1.10.1 h1:P5MreLPqHGgegGiJ+ndNmHq0rhILtDiPnX1yjk936gY=
github.com/siderolabs/talos/pkg/machinery v1.10.2 h1:i9aNYmFSpiSOVM7dlAL5iNMYnFG19087x2QLJ0MbTEE=
github.com/siderolabs/talos v1.10.2 h1:s+lHcJBpD2NO/ZUlD0UJxJBwEo+akLcJxSQ8F+KP5aI=
github.com/siderolabs/talos/pkg/machinery v1.10.5 h1:R0ZSf9OrHIQ70+LEpQVK/KVCq3E6sUi/OpIjLDVH3Sk=
github.com/siderolabs/talos/pkg/machinery v1.10.7 h1:xW1rIPxho7/9ZjAi20tBWQyzNuuF2zbEskbpJYt3Kno=
github.com/siderolabs/talos v1.10.7 h1:dtdUwCQoa76UEyTzird1V9O51TTPNdlVcpXifi657IY=
github.com/siderolabs/talos/pkg/machinery v1.10.8 h1:/sgTKyf6CfzCkdL6bXpLWZw5i+mejZZnVSbOokm6MEA=
github.com/siderolabs/talos v1.10.8 h1:5nS/FcfZ+iKuCFUTSaRNh0dwYQ8KzKiIv7L3T07xXk8=
github.com/siderolabs/talos/pkg/machinery v1.10.9 h1:vp4s69QL52kmueFlKvQihzv6XGoj83Li8n41xESZ5Dc=
github.com/siderolabs/talos v1.10.9 h1:fe+iufQUZTa4zAPGV9b4jUtyqskCKIRkBg4ca1dSHjM=
github.com/siderolabs/talos v1.11.2 h1:UoU3oKSxIQSdQ7sTeZrVA0+lWmRu/5y9rDBsLHn8cfM=
github.com/siderolabs/talos v1.11.3 h1:IdYuKv3Ofb0fz1wyAf863icNqPGOkkYwxWEgkubgXh0=
github.com/siderolabs/talos/pkg/machinery v1.11.4 h1:6Q7tf1pjDtIwTxurvB+LMmY0juxjrmcx8ofEf0dmDNs=
github.com/siderolabs/talos v1.11.4 h1:K/y8uNYWmb0vCNskfc+H5OFRUGmks1aoVYyL7KhcJVs=
github.com/siderolabs/talos v1.11.6 h1:CTthrTrPp95g3fuuQTI2r7cX8ZaJ3ap9kpWgFP5it4o=
github.com/siderolabs/talos/pkg/machinery v1.12.2 h1:Yyg5esgu3cJmZQ3Dy1O1udyU4PURxVp1CIJtZ6BKDmw=
github.com/siderolabs/talos v1.12.2 h1:2BXzKbR9QhnQtumxh8jOXzJ60IpCqR33NqDGB1VFjyw=
github.com/siderolabs/talos/pkg/machinery v1.12.3 h1:0W1iqkCcumPBDR5VAlF1GJrCgiYZfjW1+yfKacTHB7I=
github.com/siderolabs/talos v1.12.3 h1:K/+BmFaT7WiKZvEKYTjn9IJZ9QfwUAh2Mft5PkAYHxY=
github.com/siderolabs/talos v1.12.4 h1:yb56apoLRsl0okrXbishc/3JPa9qXL8e0orJzBTNiAU=
github.com/siderolabs/talos v1.12.5 h1:NBhoCVnch9AcP7ia1/1EaH6Z0Wmkzjh3lIs+LY21a2M=
github.com/siderolabs/talos v1.12.7 h1:qji0N8s7gf5jVFp7euqvLSo9bQr5HkTNbv+IUUB5RY0=
github.com/siderolabs/talos/pkg/machinery v1.12.8 h1:BMzUbTKa76QNYLKAJXVcF7VRniPDhmBwRnwhBmmSlRg=
github.com/siderolabs/talos v1.12.8 h1:1a5fbwRXc8LRg1R2upcEwylpcV2dRyuTskjiJpjr2Co=
github.com/siderolabs/talos/pkg/machinery v1.12.9 h1:m9NbQgU0YSdMYJFnnRdMR0fJppt+RwIWWQzTSVP0goA=
github.com/siderolabs/talos v1.12.9 h1:09uxIbrz600lLy2p7lkNiot2OfT8N2SqMqvrxNfjPis=
github.com/siderolabs/talos/pkg/machinery v1.12.10 h1:AS5wFwNNQZ2sQ6gRKFbwcIjDk5dn97t9r1aA5pfMhm4=
github.com/siderolabs/talos v1.12.10 h1:9hUFqFNBrVT1TlplmGXOZXTeQVxLzt4JJm3DFSZe7p0=
github.com/siderolabs/talos/pkg/machinery v1.12.11 h1:3Kjh2Yi1ZYu/Rq7SET23KOZsnC8ZCELJ5nKUC6qtTk4=
github.com/siderolabs/talos v1.12.11 h1:B886wJC1d35hfojPzvSKQR3agJAMZL+/E1Q4cosTbv0=
github.com/siderolabs/talos/pkg/machinery v1.13.1 h1:JI5/2O+OLqu8Ju50aM/u8CsDVvvnYBgqsp1psxzCkE8=
github.com/siderolabs/talos v1.13.1 h1:dxhwLw1WQAm3WEIyNhkVFyEScEiwrAE9oE8/gQKWF84=
github.com/siderolabs/talos/pkg/machinery v1.13.2 h1:S7WJhBR+M+g6JgX9ht22Mb5cTg1cgWcoqRpr6/YY/fU=
github.com/siderolabs/talos v1.13.2 h1:8jQBnNjRmm5r4Zm2ydGyDeL3SvpT5aJa/4c1o4t55gI=
github.com/siderolabs/talos v1.13.3 h1:Mh4cF+WL6H6Bh90GIG8fnMhfvCBhsrmB6OTj/MOJ/rM=
github.com/siderolabs/talos v1.13.4 h1:/0aBsZRuKdEftKkbOS8kkyh+UYXtVgo2/kL0ofCYwcM=
"""
