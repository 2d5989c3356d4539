# What `cmake --install` leaves: the library, the public headers, and what find_package(outrider) reads.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(OUTRIDER_PACKAGE_FOLDER ${CMAKE_INSTALL_LIBDIR}/cmake/outrider)

install(TARGETS outrider EXPORT outriderTargets)
install(DIRECTORY include/outrider DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT outriderTargets NAMESPACE outrider:: DESTINATION ${OUTRIDER_PACKAGE_FOLDER})

configure_package_config_file(cmake/outriderConfig.cmake.in ${PROJECT_BINARY_DIR}/outriderConfig.cmake
  INSTALL_DESTINATION ${OUTRIDER_PACKAGE_FOLDER})
# Before 1.0 any minor version may change the interface.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/outriderConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/outriderConfig.cmake ${PROJECT_BINARY_DIR}/outriderConfigVersion.cmake
  DESTINATION ${OUTRIDER_PACKAGE_FOLDER})
