# Feature macros, warnings, sanitizers and hardening. A packager's own flags are never replaced:
# everything is appended, and CMAKE_BUILD_TYPE=None (Debian's) stays None.
include(CheckCCompilerFlag)

add_compile_definitions(_GNU_SOURCE)
add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wformat=2
	-Wvla -Wundef -Wswitch-enum -Wcast-qual -Wwrite-strings -Wstrict-prototypes
	-Wmissing-prototypes -Wimplicit-fallthrough -Wnull-dereference)
# The strict prototypes of cmocka's callbacks and `= { 0 }` are fine in C17.
add_compile_options(-Wno-missing-field-initializers)
if(RESTANTE_STRICT)
	add_compile_options(-Werror)
endif()

if(RESTANTE_SANITIZE)
	add_compile_options(-fsanitize=${RESTANTE_SANITIZE} -fno-omit-frame-pointer -g)
	if(RESTANTE_SANITIZE MATCHES undefined)
		add_compile_options(-fno-sanitize-recover=undefined)
	endif()
	add_link_options(-fsanitize=${RESTANTE_SANITIZE})
elseif(RESTANTE_HARDENING)
	foreach(flag -fstack-clash-protection -fcf-protection -fstack-protector-strong
			-ftrivial-auto-var-init=zero -fzero-call-used-regs=used-gpr)
		string(MAKE_C_IDENTIFIER "HAVE${flag}" have)
		check_c_compiler_flag(${flag} ${have})
		if(${have})
			add_compile_options(${flag})
		endif()
	endforeach()
	# Needs optimisation; with the build type None the packager's flags decide.
	add_compile_options(
		"$<$<CONFIG:Release,RelWithDebInfo,MinSizeRel>:-U_FORTIFY_SOURCE;-D_FORTIFY_SOURCE=3>")
	add_link_options(-Wl,-z,relro -Wl,-z,now)
endif()
