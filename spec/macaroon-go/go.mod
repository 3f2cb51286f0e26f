module streampay.invalid/macaroon-vectors

go 1.23

require gopkg.in/macaroon.v2 v2.1.0

require (
	golang.org/x/crypto v0.0.0-20190308221718-c2843e01d9a2 // indirect
	golang.org/x/sys v0.0.0-20190215142949-d0b11bdaac8a // indirect
)
