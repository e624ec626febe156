#pragma once
/* Every traffic provider: its name in spec.provider and router_NAME. A new one is a row here and a file. */
#include "controller/routers/router.h"

#define ROUTERS(X)                                                                                                     \
	X("apisix", apisix)                                                                                            \
	X("contour", contour)                                                                                          \
	X("gatewayapi:v1", gatewayapi_v1)                                                                              \
	X("gatewayapi:v1beta1", gatewayapi_v1beta1)                                                                    \
	X("istio", istio)                                                                                              \
	X("kubernetes", none)                                                                                          \
	X("linkerd", linkerd)                                                                                          \
	X("nginx", nginx)                                                                                              \
	X("osm", osm)                                                                                                  \
	X("skipper", skipper)                                                                                          \
	X("smi:v1alpha1", smi_v1alpha1)                                                                                \
	X("smi:v1alpha2", smi_v1alpha2)                                                                                \
	X("smi:v1alpha3", smi_v1alpha3)                                                                                \
	X("traefik", traefik)
#define X(name, symbol) extern const struct router router_##symbol;
ROUTERS(X)
#undef X
