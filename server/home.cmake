# The data directory, which server and tool make in the same way.
add_library(restante_home STATIC home.c)
target_link_libraries(restante_home PUBLIC restante_base restante_config
	PRIVATE restante_auth restante_store)
