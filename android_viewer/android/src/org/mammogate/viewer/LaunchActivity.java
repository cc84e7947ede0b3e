package org.mammogate.viewer;

import android.app.Activity;
import android.content.Context;
import android.content.Intent;
import android.content.pm.PackageManager;
import android.content.pm.ResolveInfo;
import android.net.Uri;
import android.os.Bundle;
import java.util.LinkedHashSet;
import java.util.Set;

/**
 * What the icon opens: the viewer in a browser that offers Trusted Web Activities, since only a browser has push
 * messages and passkeys; without one, or where the hospital wants it so, the locked window.
 */
public final class LaunchActivity extends Activity implements TrustedTab.Owner {
    private TrustedTab tab;
    private boolean isShown;

    @Override
    protected void onCreate(Bundle state) {
        super.onCreate(state);
        if (state != null) {
            finish(); // the browser above us was closed after our process had died
            return;
        }
        GatewayAddress address = Site.address(this);
        if (address == null) {
            startActivity(new Intent(this, AddressActivity.class));
            finish();
            return;
        }
        String browser = getResources().getBoolean(R.bool.always_locked) ? null : browser();
        tab = browser == null ? null : new TrustedTab(this, this, browser, Uri.parse(address.page("")));
        if (tab == null || !tab.open()) noTab();
    }

    @Override
    public void noTab() {
        startActivity(new Intent(this, LockedActivity.class));
        finish();
    }

    @Override
    public void tabOpened() {
        isShown = true;
    }

    @Override
    protected void onRestart() {
        super.onRestart();
        if (isShown) finish(); // the browser above us was closed
    }

    @Override
    protected void onDestroy() {
        if (tab != null) tab.close();
        super.onDestroy();
    }

    private String browser() {
        PackageManager packages = getPackageManager();
        Intent service = new Intent(TrustedTab.SERVICE).addCategory(TrustedTab.CATEGORY);
        Set<String> offering = new LinkedHashSet<String>();
        for (ResolveInfo found : packages.queryIntentServices(service, PackageManager.GET_RESOLVED_FILTER)) {
            offering.add(found.serviceInfo.packageName);
        }
        return BrowserChoice.of(usualBrowser(this), offering);
    }

    private static String usualBrowser(Context context) {
        Intent page = new Intent(Intent.ACTION_VIEW, Uri.fromParts("https", "", null));
        page.addCategory(Intent.CATEGORY_BROWSABLE);
        ResolveInfo found = context.getPackageManager().resolveActivity(page, PackageManager.MATCH_DEFAULT_ONLY);
        return found == null ? null : found.activityInfo.packageName;
    }
}
